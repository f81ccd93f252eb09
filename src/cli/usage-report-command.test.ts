import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from '@jest/globals';
import { type UsageRow, UsageRowSchema } from '../client/gen/chat/v1/usage_service_pb.js';
import { reportText } from './usage-report-command.ts';

const startTime = timestampFromDate(new Date('2026-11-01T06:00:00Z'));
const rows: readonly UsageRow[] = [
  { clientId: '=1+1', provider: 'openai', model: 'a "b", c', startTime, completed: 2n, inputTokens: 30n, lost: 1n },
  { clientId: 'c1\u001b[2J', provider: 'openai', model: 'm', startTime, completed: 10n, outputTokens: 4_000n },
].map((row) => create(UsageRowSchema, row));
const total = create(UsageRowSchema, { completed: 12n, inputTokens: 30n, outputTokens: 4_000n, lost: 1n });

test('a table has what was used somewhere, a sum, and nothing that acts on a terminal', () => {
  const table = reportText({ rows, total, by: ['client', 'model', 'hour'], format: 'table' });
  expect(table.replaceAll(/ +$/gm, '')).toBe(
    [
      'client  provider  model     hour               completed  lost  tokens in  tokens out',
      '=1+1    openai    a "b", c  2026-11-01 06:00Z          2     1         30           0',
      'c1␛[2J  openai    m         2026-11-01 06:00Z         10     0          0        4000',
      'total                                                 12     1         30        4000',
      '',
    ].join('\n'),
  );
  expect(reportText({ rows: [], total, by: ['client'], format: 'table' })).toBe('Nothing was used.\n');
});

test('CSV has every figure; a spreadsheet runs nothing of it', () => {
  const [heads, first] = reportText({ rows, total, by: ['client', 'model', 'month'], format: 'csv' }).split('\n');
  expect(heads).toBe(
    'client,provider,model,month,completed,failed,stopped,lost,estimated,input_tokens,cached_input_tokens,' +
      'output_tokens,reasoning_tokens,sound_in_ms,sound_out_ms,pictures_in,pictures_out',
  );
  expect(first).toBe(`'=1+1,openai,"a ""b"", c",2026-11,2,0,0,1,0,30,0,0,0,0,0,0,0`);
});

test('JSON is a row a line, with its figures as numbers', () => {
  const lines = reportText({ rows, total, by: ['client'], format: 'json' })
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { clientId: '=1+1', startTime: '2026-11-01T06:00:00.000Z', completed: 2, inputTokens: 30 },
    { completed: 10, outputTokens: 4_000 },
  ]);
});
