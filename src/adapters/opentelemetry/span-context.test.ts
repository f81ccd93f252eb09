import { describe, expect, test } from '@jest/globals';
import { LocalContext, spanContextOf } from './otel-tracer.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

describe('a traceparent', () => {
  test('is read', () => {
    expect(spanContextOf({ traceparent: `00-${traceId}-${spanId}-01` })).toEqual({
      traceId,
      spanId,
      traceFlags: 1,
      isRemote: true,
    });
  });

  test('says by one of its flags whether the trace is recorded; others mean nothing yet', () => {
    expect(spanContextOf({ traceparent: `00-${traceId}-${spanId}-00` })?.traceFlags).toBe(0);
    expect(spanContextOf({ traceparent: `00-${traceId}-${spanId}-fe` })?.traceFlags).toBe(0);
    expect(spanContextOf({ traceparent: `00-${traceId}-${spanId}-ff` })?.traceFlags).toBe(1);
  });

  test('of a later version is read as far as this one knows it', () => {
    expect(spanContextOf({ traceparent: `cc-${traceId}-${spanId}-01-what-comes` })?.traceId).toBe(traceId);
  });

  test.each([
    '',
    'x',
    `${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
    `00-${traceId}-${spanId}-01${' '.repeat(10_000)}`,
  ])('that is not well formed is none: %j', (traceparent) => {
    expect(spanContextOf({ traceparent })).toBeUndefined();
  });

  test('of a span of this process is what was read', () => {
    const spanContext = spanContextOf({ traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'a=1,b=2' });
    const { traceparent, tracestate } = new LocalContext(spanContext as NonNullable<typeof spanContext>);
    expect({ traceparent, tracestate }).toEqual({
      traceparent: `00-${traceId}-${spanId}-01`,
      tracestate: 'a=1,b=2',
    });
  });
});

test('a tracestate that is too long, or says nothing, is not passed on', () => {
  const traceparent = `00-${traceId}-${spanId}-01`;
  expect(spanContextOf({ traceparent, tracestate: `a=${'x'.repeat(600)}` })?.traceState).toBeUndefined();
  expect(spanContextOf({ traceparent, tracestate: '' })?.traceState).toBeUndefined();
  expect(spanContextOf({ traceparent, tracestate: 'no state' })?.traceState?.serialize()).toBe('');
});
