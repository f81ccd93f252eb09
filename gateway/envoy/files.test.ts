import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { status as codes } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { settings } from '../../src/config/settings.ts';
import { shutdownMs } from '../../src/domain/limits.ts';
import { AccountServiceService } from '../../src/gen/chat/v1/account_service.ts';
import { ChatServiceService } from '../../src/gen/chat/v1/chat_service.ts';
import { HistoryServiceService } from '../../src/gen/chat/v1/history_service.ts';
import { MediaServiceService } from '../../src/gen/chat/v1/media_service.ts';
import { OperationsServiceService } from '../../src/gen/chat/v1/operations_service.ts';
import { RetryInfo } from '../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../src/gen/google/rpc/status.ts';
import { doorKeyHeader } from '../../src/rpc/peer-address.ts';
import { envoyFile, envoyFiles } from './files.ts';
import { type EnvoyValues, productionValues } from './values.ts';

interface Route {
  readonly match: {
    readonly path?: string;
    readonly prefix?: string;
    readonly safe_regex?: { readonly regex: string };
    readonly headers?: readonly unknown[];
  };
  readonly route?: {
    readonly timeout: string;
    readonly idle_timeout?: string;
    readonly retry_policy?: { readonly retry_on: string };
  };
}

interface Header {
  readonly header: { readonly key: string; readonly value: string };
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = Object.entries(envoyFiles()).filter(([path]) => !path.endsWith('certificate.yaml'));
const methods = [
  AccountServiceService,
  ChatServiceService,
  HistoryServiceService,
  MediaServiceService,
  OperationsServiceService,
].flatMap((service) => Object.values(service));
const seconds = (duration = '') => Number(/^([\d.]+)s$/.exec(duration)?.[1]);

test('subdomains are meant by Strict-Transport-Security where the values say that all of them speak TLS', () => {
  const told = (values: Partial<EnvoyValues>) =>
    /max-age=31536000[^"'}\n]*/.exec(envoyFile('', { ...productionValues, ...values }))?.[0].trim();
  expect(told({})).toBe('max-age=31536000');
  expect(told({ hstsSubdomains: true })).toBe('max-age=31536000; includeSubDomains');
  expect(told({ hstsSubdomains: true, tls: undefined })).toBeUndefined();
});

test('docs/deployment.md has each value with its default', () => {
  const [block = ''] = /^ {4}listen: (?:.+\n)+/m.exec(readFileSync(`${root}docs/deployment.md`, 'utf8')) ?? [];
  const defaults = Object.entries(productionValues).map(([name, value]) => [name, value ?? null]);
  expect(parse(block)).toEqual(Object.fromEntries(defaults));
});

test('the files are what is written from their values', () => {
  for (const [path, text] of Object.entries(envoyFiles())) expect(readFileSync(root + path, 'utf8')).toBe(text);
});

describe.each(files)('%s', (_, text) => {
  const configuration = parse(text);
  const [listener] = configuration.static_resources.listeners;
  const manager = listener.filter_chains[0].filters[0].typed_config;
  const routes: readonly Route[] = manager.route_config.virtual_hosts[0].routes;

  /** The route that a call takes: the first that fits. Those that ask for headers are for calls that are refused. */
  function routeOf(path: string): Route {
    const found = routes.find(
      ({ match }) =>
        match.headers === undefined &&
        (match.safe_regex !== undefined
          ? new RegExp(`^(?:${match.safe_regex.regex})$`).test(path)
          : path === match.path || (match.prefix !== undefined && path.startsWith(match.prefix))),
    );
    if (found === undefined) throw new Error(`${path} goes nowhere`);
    return found;
  }

  test('waits for ever for nothing, and on a stream for more than two heartbeats', () => {
    const heartbeatS = Number(settings.PARLEY_HEARTBEAT_INTERVAL_MS.default) / 1_000;
    expect(seconds(manager.stream_idle_timeout)).toBeGreaterThan(0);
    for (const { path, requestStream, responseStream } of methods) {
      const { timeout, idle_timeout } = routeOf(path).route ?? {};
      if (!requestStream && !responseStream) expect(seconds(timeout)).toBeGreaterThan(0);
      else {
        expect(timeout).toBe('0s');
        expect(seconds(idle_timeout)).toBeGreaterThan(2 * heartbeatS);
        expect(seconds(idle_timeout)).toBeLessThan(10 * heartbeatS);
      }
    }
  });

  test('asks again only what changes nothing', () => {
    const again = methods.filter(({ path }) => /unavailable/.test(routeOf(path).route?.retry_policy?.retry_on ?? ''));
    expect(again.map(({ path }) => path.split('.v1.')[1])).toEqual([
      'AccountService/DescribeSignIn',
      'HistoryService/ListConversations',
      'HistoryService/GetConversation',
      'HistoryService/ListMessages',
      'HistoryService/SearchMessages',
      'MediaService/GetMedia',
      'OperationsService/GetUsage',
      'OperationsService/ListActiveConnections',
      'OperationsService/ExplainMessage',
      'OperationsService/ListParked',
      'OperationsService/ListSecurityEvents',
    ]);
  });

  test('says itself who calls, whatever clients say', () => {
    expect(manager).toMatchObject({ use_remote_address: true, xff_num_trusted_hops: 0 });
    const { request_headers_to_add: added, request_headers_to_remove: removed } = manager.route_config;
    expect(added).toEqual([
      {
        header: { key: 'x-forwarded-for', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
      },
    ]);
    expect(removed).toContain(doorKeyHeader);
  });

  test('refuses what comes too fast as RESOURCE_EXHAUSTED, with the delay of retry-after', () => {
    const filters: readonly { typed_config: { response_headers_to_add?: readonly Header[] } }[] = manager.http_filters;
    const headers = filters.flatMap(({ typed_config }) => typed_config.response_headers_to_add ?? []);
    const headerValue = (key: string) => headers.find(({ header }) => header.key === key)?.header.value ?? '';
    const { code, details } = Status.decode(Buffer.from(headerValue('grpc-status-details-bin'), 'base64'));
    expect(code).toBe(codes.RESOURCE_EXHAUSTED);
    expect(details.map(({ typeUrl }) => typeUrl)).toEqual(['type.googleapis.com/google.rpc.RetryInfo']);
    const { retryDelay } = RetryInfo.decode(details[0]?.value ?? Buffer.of());
    expect(retryDelay).toEqual({ seconds: BigInt(headerValue('retry-after')), nanos: 0 });
  });

  test('lets nobody else to its admin interface, and drains for longer than a gateway', () => {
    expect(configuration.admin.address.socket_address.address).toBe('127.0.0.1');
    expect(seconds(manager.drain_timeout) * 1_000).toBeGreaterThan(shutdownMs);
  });
});

test('what stands before a server without accounts answers to names of this machine alone', () => {
  const configuration = parse(envoyFiles()['deploy/envoy/local.yaml'] ?? '');
  const { route_config: routing } =
    configuration.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
  expect(routing.ignore_port_in_host_matching).toBe(true);
  expect(routing.virtual_hosts.map(({ domains }: { domains: string[] }) => domains)).toEqual([
    ['localhost', '*.localhost', '127.0.0.1', '[::1]'],
  ]);
});

describe('in Kubernetes', () => {
  const read = (path: string) => readFileSync(`${root}deploy/kubernetes/${path}`, 'utf8');
  const manifests = (path: string) => parseAllDocuments(read(path)).map((document) => document.toJS());
  const [deployment, service] = manifests('envoy/deployment.yaml');
  const [container] = deployment.spec.template.spec.containers;

  test('it asks the gateways by their name and ports', () => {
    const [{ host, grpcPort, httpPort }] = productionValues.gateways as [(typeof productionValues.gateways)[0]];
    const gateways = manifests('base/gateway.yaml').find(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === host,
    );
    expect(gateways.spec.ports.map(({ port }: { port: number }) => port)).toEqual([grpcPort, httpPort]);
    expect(gateways.spec.clusterIP).toBe('None');
  });

  test('its port is published, and its files are where it looks for them', () => {
    expect(container.ports).toEqual([
      { name: 'https', containerPort: productionValues.listen.port },
      { name: 'metrics', containerPort: productionValues.statistics.port },
    ]);
    expect(service.spec.ports[0].targetPort).toBe('https');
    const paths = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(paths).toEqual(['/etc/envoy', productionValues.tls.folder]);
    expect(productionValues.tls.file).toBe('/etc/envoy/certificate.yaml');
    expect(container.image).toBe(`envoyproxy/envoy:v1.40.0`);
  });

  test('it has time for its drain', () => {
    const sleepS = Number(/sleep (\d+)/.exec(container.lifecycle.preStop.exec.command.at(-1))?.[1]);
    const drainS = Number(container.command[container.command.indexOf('--drain-time-s') + 1]);
    expect(sleepS).toBeGreaterThan(drainS);
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(sleepS);
  });
});
