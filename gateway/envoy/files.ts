import { certificateFile } from './certificate.ts';
import { envoyConfiguration } from './config.ts';
import { composeValues, type EnvoyValues, localValues, productionValues, type TlsFiles } from './values.ts';
import { writeYaml } from './write-yaml.ts';

const origin = 'Written by `npm run generate`: change it in gateway/envoy.';

/** Every configuration of Envoy that the repository holds, by its path. */
export function envoyFiles(): Readonly<Record<string, string>> {
  const production = productionFiles(origin, productionValues);
  return {
    'deploy/envoy/local.yaml': envoyFile(
      `${origin} Before one \`npm start\` on this machine, without TLS.`,
      localValues,
    ),
    'deploy/envoy/envoy.yaml': envoyFile(`${origin} Before the gateways of compose.yaml, without TLS.`, composeValues),
    'deploy/kubernetes/envoy/envoy.yaml': production['envoy.yaml'],
    'deploy/kubernetes/envoy/certificate.yaml': production['certificate.yaml'],
  };
}

/** Envoy with TLS, and the file by which it finds its certificate; `head` is the sentence that each begins with. */
export function productionFiles(head: string, values: EnvoyValues & { readonly tls: TlsFiles }) {
  return {
    'envoy.yaml': envoyFile(`${head} gRPC, gRPC-Web and the web client on one port, with TLS.`, values),
    'certificate.yaml': writeYaml(`${head} Where Envoy finds its certificate.`, certificateFile(values.tls)),
  };
}

function envoyFile(head: string, values: EnvoyValues): string {
  return writeYaml(head, envoyConfiguration(values));
}
