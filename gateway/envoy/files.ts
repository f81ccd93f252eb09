import { readFileSync } from 'node:fs';
import { type Document, isSeq, parseDocument, visit, type YAMLMap } from 'yaml';
import {
  composeTlsValues,
  composeValues,
  type EnvoyValues,
  type GatewayHost,
  gatewayTlsValues,
  localValues,
  productionValues,
  type TlsFiles,
} from './values.ts';

const origin = 'Written by `npm run generate`: change it in gateway/envoy.';
const lineWidth = 150;

/** Heartbeats that may be missed before a long call is taken for dead. More than two: one that is late must not cost a session. */
const missedHeartbeats = 6;

/** Every configuration of Envoy that the repository holds, by its path. */
export function envoyFiles(): Readonly<Record<string, string>> {
  const production = productionFiles(origin, productionValues);
  const compose = productionFiles(
    `${origin} Before the gateways and the media store of compose.tls.yaml.`,
    composeTlsValues,
  );
  return {
    'deploy/envoy/local.yaml': envoyFile(
      `${origin} Before one \`npm start\` on this machine, without TLS.`,
      localValues,
    ),
    'deploy/envoy/envoy.yaml': envoyFile(`${origin} Before the gateways of compose.yaml, without TLS.`, composeValues),
    'deploy/envoy/tls/envoy.yaml': compose['envoy.yaml'],
    'deploy/envoy/tls/certificate.yaml': compose['certificate.yaml'],
    'deploy/kubernetes/envoy/envoy.yaml': production['envoy.yaml'],
    'deploy/kubernetes/envoy/certificate.yaml': production['certificate.yaml'],
    'deploy/kubernetes/gateway-tls/envoy.yaml': productionFiles(origin, gatewayTlsValues)['envoy.yaml'],
  };
}

/** Envoy with TLS, and the file by which it finds its certificate; `head` is the sentence that each begins with. */
export function productionFiles(head: string, values: EnvoyValues & { readonly tls: TlsFiles }) {
  return {
    'envoy.yaml': envoyFile(`${head} gRPC, gRPC-Web and the web client on one port, with TLS.`, values),
    'certificate.yaml': certificateFile(`${head} Where Envoy finds its certificate.`, values.tls),
  };
}

/** Envoy's configuration: envoy.yaml, in which the values stand for each `$name`. What deployments differ in is there, all else is in the template. */
export function envoyFile(head: string, values: EnvoyValues): string {
  const { tls, gateways, gatewayTls, mediaStore, rateLimit, rateLimitWithoutToken } = values;
  const configuration = template('envoy.yaml');
  const chain = ['static_resources', 'listeners', 0, 'filter_chains', 0];
  const manager = [...chain, 'filters', 0, 'typed_config'];
  const host = [...manager, 'route_config', 'virtual_hosts', 0];
  if (tls === undefined) {
    configuration.deleteIn([...chain, 'transport_socket_connect_timeout']);
    configuration.deleteIn([...chain, 'transport_socket']);
    configuration.deleteIn([...host, 'response_headers_to_add']);
  }
  const clusters = ['static_resources', 'clusters'];
  const removeRoute = (prefix: string) => removeItem(configuration, [...host, 'routes'], ['match', 'prefix'], prefix);
  // Whoever writes values in YAML says null.
  if (gatewayTls == null)
    for (const cluster of ['gateways', 'pages'])
      configuration.deleteIn([...itemPath(configuration, clusters, ['name'], cluster), 'transport_socket']);
  if (mediaStore == null) {
    removeItem(configuration, clusters, ['name'], 'media-store');
    removeRoute('$mediaPrefix');
  }
  if (rateLimitWithoutToken == null) {
    for (const list of ['descriptors', 'rate_limits'])
      configuration.deleteIn([...manager, 'http_filters', 2, 'typed_config', list, 1]);
    removeRoute('/chat.v1.');
  }
  const endpointsBy = (portOf: (gateway: GatewayHost) => number) =>
    gateways.map((gateway) => ({ endpoint: { address: addressOf(gateway.host, portOf(gateway)) } }));
  return complete(head, configuration, {
    admin: addressOf(values.admin.host, values.admin.port),
    statistics: addressOf(values.statistics.host, values.statistics.port),
    listen: addressOf(values.listen.host, values.listen.port),
    trustedHops: values.trustedHops,
    perSecond: rateLimit.perSecond,
    burst: rateLimit.burst,
    perSecondWithoutToken: rateLimitWithoutToken?.perSecond,
    burstWithoutToken: rateLimitWithoutToken?.burst,
    hosts: values.hosts,
    origins: values.origins.map((exact) => ({ exact })),
    hsts: `max-age=31536000${values.hstsSubdomains ? '; includeSubDomains' : ''}`,
    streamIdleTimeout: `${(missedHeartbeats * values.heartbeatMs) / 1_000}s`,
    certificateFile: tls?.file,
    mediaPrefix: mediaStore && `/${mediaStore.bucket}/`,
    mediaStore: mediaStore && addressOf(mediaStore.host, mediaStore.port),
    gatewayName: gatewayTls?.name,
    gatewayAuthority: gatewayTls?.authorityFile,
    grpcEndpoints: endpointsBy(({ grpcPort }) => grpcPort),
    httpEndpoints: endpointsBy(({ httpPort }) => httpPort),
  });
}

type Path = readonly (string | number)[];

/** The path of the item of a list whose `field` has the value. Throws where there is none: the template has changed. */
function itemPath(configuration: Document, list: Path, field: Path, value: string): Path {
  const items = configuration.getIn(list);
  const index = isSeq<YAMLMap>(items) ? items.items.findIndex((item) => item.getIn(field) === value) : -1;
  if (index < 0) throw new Error(`envoy.yaml: nothing in ${list.join('.')} has the ${field.join('.')} ${value}`);
  return [...list, index];
}

function removeItem(configuration: Document, list: Path, field: Path, value: string): void {
  configuration.deleteIn(itemPath(configuration, list, field, value));
}

/**
 * The file that names certificate and key. A file of its own, because only so Envoy reads them again when they are
 * replaced: it watches the folder, and what connects from then on gets the new ones.
 */
export function certificateFile(head: string, { folder }: TlsFiles): string {
  const names = { certificate: `${folder}/tls.crt`, key: `${folder}/tls.key`, folder };
  return complete(head, template('certificate.yaml'), names);
}

function template(name: string): Document {
  return parseDocument(readFileSync(new URL(name, import.meta.url), 'utf8'));
}

/** The document with a value for each `$name`, and this sentence at its head. Throws for a name without a value. */
function complete(head: string, document: Document, values: Readonly<Record<string, unknown>>): string {
  visit(document, {
    Scalar(_, { value }) {
      const name = typeof value === 'string' && /^\$(\w+)$/.exec(value)?.[1];
      if (!name) return undefined;
      if (values[name] === undefined) throw new Error(`no value for $${name}`);
      return document.createNode(values[name], { flow: true });
    },
  });
  document.commentBefore = ` ${head}`;
  return document.toString({ lineWidth, flowCollectionPadding: true });
}

/** An address as Envoy writes it. */
function addressOf(address: string, port_value: number) {
  return { socket_address: { address, port_value } };
}
