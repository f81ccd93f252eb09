import { RetryInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';
import { because, type Configuration } from './noted.ts';
import type { EnvoyValues } from './values.ts';

/** How calls are told apart: by the address that they come from, as Envoy sees it. */
const addressKey = 'masked_remote_address';
/** The half of an IPv6 address that a network has: whoever has one chooses the other half as often as he likes. */
const addressLimits = { v4_prefix_mask_len: 32, v6_prefix_mask_len: 64 };

/** Addresses that are counted at once; beyond that the one that was quiet for longest is forgotten. About 1 KB each. */
const maxAddresses = 20_000;
const retryAfterS = 1;
/** gRPC's number of RESOURCE_EXHAUSTED. */
const resourceExhausted = 8;

const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };

/** Refuses what one address asks beyond its limit, in the words that the gateways use: a code, and when to try again. */
export function rateLimitFilter({ rateLimit }: EnvoyValues): Configuration {
  const bucket = { max_tokens: rateLimit.burst, tokens_per_fill: rateLimit.perSecond, fill_interval: '1s' };
  return {
    name: 'envoy.filters.http.local_ratelimit',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
      stat_prefix: 'addresses',
      filter_enabled: always,
      filter_enforced: always,
      descriptors: because('No value: each address has a bucket of its own.', [
        { entries: [{ key: addressKey }], token_bucket: bucket },
      ]),
      rate_limits: [{ actions: [{ [addressKey]: addressLimits }] }],
      max_dynamic_descriptors: maxAddresses,
      rate_limited_as_resource_exhausted: true,
      response_headers_to_add: because('When to try again, for HTTP and (as google.rpc.RetryInfo) for gRPC.', [
        header('retry-after', String(retryAfterS)),
        header('grpc-status-details-bin', refusalDetails()),
      ]),
    },
  };
}

/** To a page, whose gRPC-Web clients read the details of no answer but a 200. */
export const rateLimitReply: Configuration = {
  mappers: [
    {
      filter: {
        and_filter: {
          filters: [
            { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 429, runtime_key: 'none' } } } },
            { header_filter: { header: { name: 'x-grpc-web', present_match: true } } },
          ],
        },
      },
      status_code: 200,
    },
  ],
};

function header(key: string, value: string): Configuration {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

/** google.rpc.Status, as gRPC carries bytes in a header: base64 without padding. */
function refusalDetails(): string {
  const retry = RetryInfo.encode({ retryDelay: { seconds: BigInt(retryAfterS), nanos: 0 } }).finish();
  const status = Status.encode({
    code: resourceExhausted,
    message: 'too many calls from this address',
    details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: Buffer.from(retry) }],
  }).finish();
  return Buffer.from(status).toString('base64').replace(/=+$/, '');
}
