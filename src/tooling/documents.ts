import { envoyFiles } from '../../gateway/envoy/files.ts';
import type { Setting } from '../config/setting.ts';
import { settings } from '../config/settings.ts';
import { catalogue, type Refusal } from '../domain/errors/catalogue.ts';
import { apiHtml, apiMarkdown, readContract } from './api-page.ts';
import { markdownTable, refusalTable } from './markdown.ts';

/** The pages and configurations that are written from tables in the code and from the contract, by their path. Throws when the contract does not compile. */
export function documents(): Readonly<Record<string, string>> {
  const contract = readContract();
  return {
    'docs/api.html': apiHtml(contract),
    'docs/api.md': apiMarkdown(contract),
    'docs/configuration.md': configurationPage(settings),
    'docs/errors.md': errorsPage(catalogue),
    'src/client/reasons.ts': clientReasons(catalogue),
    ...envoyFiles(),
  };
}

export function configurationPage(table: Readonly<Record<string, Setting<unknown>>>): string {
  return page(
    'Configuration',
    'src/config/settings.ts',
    `Settings are environment variables, or lines of a \`.env\` file in the working directory; the environment takes precedence. An empty
value counts as unset. Unknown names that begin with \`PARLEY_\` and invalid values are refused at start, one line for each.
Names end in the unit of their value (\`_MS\`: milliseconds).`,
    settingsTable(Object.entries(table)),
  );
}

function settingsTable(rows: readonly (readonly [string, Setting<unknown>])[]): string {
  const cells = rows.map(([name, { type, secret, usedBy, ...setting }]) => [
    `\`${name}\``,
    setting.default === '' ? '' : `\`${setting.default}\``,
    type.expected,
    [
      setting.description,
      ...(secret ? ['Secret.'] : []),
      ...(usedBy === undefined ? [] : [`Used by ${usedBy.map((role) => `${role}s`).join(' and ')} only.`]),
    ].join(' '),
  ]);
  return markdownTable(['Name', 'Default', 'Expected', 'Meaning'], cells);
}

export function errorsPage(table: Readonly<Record<string, Refusal>>): string {
  const rows = Object.entries(table);
  return page(
    'Errors',
    'src/domain/errors/catalogue.ts',
    `Every refusal has a reason from this list. Decide by the reason or the gRPC code; the text is for people and may change.`,
    '## Refusals that end a call or a session',
    `The call or stream ends with the gRPC code. Its \`google.rpc.Status\` (in \`grpc-status-details-bin\`) carries an \`ErrorInfo\` with the
reason and the domain \`parley\`, a \`RetryInfo\` with the delay where a retry may work, and a \`BadRequest\` for invalid fields.`,
    refusalTable(rows.filter(([, { scope }]) => scope === 'call')),
    '## Without a reason',
    `A status without an \`ErrorInfo\` of the domain \`parley\` is not a decision of the server: the connection was lost, a gateway died, or a proxy ended the
call. Once a stream has begun, Envoy can only reset it (\`RST_STREAM\`, INTERNAL_ERROR) when its gateway dies: grpc-go, grpc-js and gRPC of C++ and
Python report \`INTERNAL\`. A call that no gateway has begun to answer is \`UNAVAILABLE\`. Unless the code is \`INVALID_ARGUMENT\`,
\`UNAUTHENTICATED\`, \`PERMISSION_DENIED\` or \`UNIMPLEMENTED\`, wait, reconnect with the resume token, and resend unaccepted messages under their client message ids.
[survive.py](examples/python/survive.py) does so.`,
    '## Refusals of one message',
    `In a session these are sent as \`MessageRejected\` with the reason, and the session continues. \`Send\` fails with the gRPC code.`,
    refusalTable(rows.filter(([, { scope }]) => scope === 'message')),
  );
}

/** The catalogue as the client SDK has it. */
export function clientReasons(table: Readonly<Record<string, Refusal>>): string {
  const rows = Object.entries(table).map(
    ([reason, { code, retryable }]) => `  ${reason}: { code: Code.${pascalCase(code)}, retryable: ${retryable} },\n`,
  );
  return `// Written by \`npm run generate\` from src/domain/errors/catalogue.ts.
import { Code } from '@connectrpc/connect';

/** Every reason of the error catalogue of this release: its gRPC code, and whether the same again may work later. docs/errors.md says more. */
export const reasons = {
${rows.join('')}} as const;

/** A reason of the error catalogue. */
export type Reason = keyof typeof reasons;
`;
}

function pascalCase(name: string): string {
  return name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function page(title: string, source: string, ...paragraphs: readonly string[]): string {
  const origin = `<!-- Written from ${source} by \`npm run generate\`: change it there. -->`;
  return `${[`# ${title}`, origin, ...paragraphs].join('\n\n')}\n`;
}
