import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { SecurityEventKind, SecurityEventSchema } from '../client/gen/chat/v1/operations_service_pb.js';
import { securityTable } from './security-log-command.ts';

test('the security log says how often what happened to whom, and shows nothing unprintable', () => {
  const events = [
    {
      kind: SecurityEventKind.SESSION_ENDED,
      time: timestampFromDate(new Date('2026-11-22T06:31:00Z')),
      count: 1n,
      clientId: 'c1\u001b[2J',
      operator: 'olga',
      address: '192.0.2.1',
    },
    {
      kind: SecurityEventKind.SIGN_IN_FAILED,
      time: timestampFromDate(new Date('2026-11-22T06:30:12Z')),
      count: 7n,
      clientId: 'c1',
      userName: 'Ann',
      address: '2001:db8:0:1::/64',
    },
  ].map((one) => create(SecurityEventSchema, one));
  expect(securityTable(events, 'Asia/Tokyo').replaceAll(/ +$/gm, '')).toBe(
    [
      'when                 what                     whom    operator  from               detail',
      '2026-11-22 15:31:00  session_ended            c1␛[2J  olga      192.0.2.1',
      '2026-11-22 15:30:12  sign_in_failed  7 times  Ann               2001:db8:0:1::/64',
      '',
    ].join('\n'),
  );
});
