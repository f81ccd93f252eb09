import { execFileSync } from 'node:child_process';
import {
  createFileRegistry,
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { getComments, getSyntaxComments } from '@bufbuild/protoplugin';
import { catalogue, type Reason } from '../domain/errors/catalogue.ts';
import {
  accountPreparation,
  commonRefusals,
  examples,
  grpcurlLine,
  mediaPreparation,
  sessionPreparation,
  valuePreparation,
} from './api-examples.ts';
import { anchorOf, htmlPage, markdownTable, refusalTable } from './markdown.ts';

const title = 'The API';
const origin = 'Written from proto/chat/v1 and src/tooling/api-examples.ts by `npm run generate`: change it there.';

/** The package that clients speak; those of events are nobody's to see. */
const spoken = 'chat.v1';

/** What a reader meets first first. Services that are not named come last. */
const serviceOrder = [
  'ChatService',
  'HistoryService',
  'MediaService',
  'UsageService',
  'SpendingService',
  'OperationsService',
  'AccountService',
];

/** The .proto files of the API, compiled from the working directory. Throws what `buf` has to say about them. */
export function readContract(): readonly DescFile[] {
  const compiled = execFileSync('node_modules/.bin/buf', ['build', 'proto', '--as-file-descriptor-set', '-o', '-'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { files } = createFileRegistry(fromBinary(FileDescriptorSetSchema, compiled));
  return [...files].filter(({ proto }) => proto.package === spoken);
}

/** The page for the repository, which has the reasons of refusals on a page of their own. */
export function apiMarkdown(contract: readonly DescFile[]): string {
  return apiPage(contract, ['[errors.md](errors.md) says of each reason what it means and what to do.']);
}

/** The same page for the server to show, with the reasons of refusals in it. */
export function apiHtml(contract: readonly DescFile[]): string {
  const rows = Object.entries(catalogue);
  const refusals = [
    'A call or stream ends with these:',
    refusalTable(rows.filter(([, { scope }]) => scope === 'call')),
    'These concern one message. In a session they come as `MessageRejected`, and the session goes on:',
    refusalTable(rows.filter(([, { scope }]) => scope === 'message')),
  ];
  return htmlPage(title, apiPage(contract, refusals));
}

/** Throws when a call has no example. */
function apiPage(contract: readonly DescFile[], refusals: readonly string[]): string {
  const rank = ({ name }: DescService) =>
    (serviceOrder.indexOf(name) + serviceOrder.length + 1) % (serviceOrder.length + 1);
  const services = contract.flatMap((file) => file.services).toSorted((left, right) => rank(left) - rank(right));
  const blocks = [
    `# ${title}`,
    `<!-- ${origin} -->`,
    ...introduction(services),
    ...services.flatMap(serviceBlocks),
    ...typeBlocks(contract),
    '## Refusals',
    ...refusals,
  ];
  return `${blocks.join('\n\n')}\n`;
}

function introduction(services: readonly DescService[]): readonly string[] {
  return [
    `Parley speaks gRPC. The contract is in \`proto/chat/v1\`; a server with \`PARLEY_REFLECTION\` also gives it by reflection (\`grpcurl -plaintext 127.0.0.1:50051 list\`).
This page has every call, with a line of [grpcurl](https://github.com/fullstorydev/grpcurl) that makes it against a server started with
\`npm start\`.`,
    markdownTable(
      ['Service', ''],
      services.map((service) => [linkTo(service.name), commentOf(service)]),
    ),
    '## Before you begin',
    `Paste these lines into a shell once. They open a session as the client \`ada\`, keep it alive in the background, say something, and leave the
ids that calls below need in \`SESSION_ID\`, \`CONVERSATION_ID\` and \`MESSAGE_ID\`. Once the session has ended, paste them again.`,
    shell(`${valuePreparation}\n${sessionPreparation}`),
    '## In general',
    `In JSON, as above, \`bytes\` are base64, \`int64\` is a text of digits, \`Timestamp\` is RFC 3339 (\`"2026-11-21T13:39:52Z"\`) and \`Duration\` is in
seconds (\`"1.5s"\`). A field that is not sent is empty, 0 or false. Lists come in pages: send \`next_page_token\` of the answer before as
\`page_token\`, with the same other fields, until it is empty.`,
    `Where authentication is on, every call carries an access token (\`-H "authorization: Bearer $ACCESS_TOKEN"\`), except those of AccountService shown without one, and
\`client_id\` comes from it: leave it empty. Where it is off, \`client_id\` is whoever you say, and everybody is an operator.`,
    `A refused call has a gRPC code and a reason. Each call names the reasons of its own; any call may meet ${reasons(commonRefusals)}.
[Refusals](#refusals) says what they mean.`,
  ];
}

/** What must be pasted before the calls of a service, beside what all need. */
const preparations: Readonly<Record<string, readonly string[]>> = {
  MediaService: [
    'Paste these lines first. They upload a picture of one pixel, and leave its id in `MEDIA_ID`.',
    shell(mediaPreparation),
  ],
  AccountService: [
    'These calls need a server that keeps accounts: `PARLEY_AUTH=accounts npm start`. Paste these lines first. They make an account `ada` and sign it in; `REFRESH_TOKEN` and `ACCESS_TOKEN` are its tokens.',
    shell(`${valuePreparation}\n${accountPreparation}`),
  ],
};

function serviceBlocks(service: DescService): readonly string[] {
  return [
    `## ${service.name}`,
    [commentOf(service), oneLine(getSyntaxComments(service.file).leading)].filter((text) => text !== '').join(' '),
    ...(preparations[service.name] ?? []),
    ...service.methods.flatMap((method) => callBlocks(`${service.typeName}/${method.name}`, method)),
  ];
}

function callBlocks(call: string, method: DescMethod): readonly string[] {
  const example = examples[call];
  if (example === undefined) throw new Error(`src/tooling/api-examples.ts has no example of ${call}`);
  const { proto, input, output } = method;
  return [
    `### ${method.name}`,
    commentOf(method),
    shell(grpcurlLine(call, example)),
    ...(example.remark === undefined ? [] : [example.remark]),
    ...sideBlocks('Request', proto.clientStreaming, input),
    ...sideBlocks('Response', proto.serverStreaming, output),
    ...(example.refusals.length === 0 ? [] : [`[Refusals](#refusals): ${reasons(example.refusals)}.`]),
  ];
}

function sideBlocks(side: string, isStream: boolean, message: DescMessage): readonly string[] {
  return [
    `**${side}**: ${isStream ? 'a stream of ' : ''}\`${message.name}\`. ${commentOf(message)}`,
    ...fieldTable(message),
  ];
}

/** The types that calls do not name themselves, by their name. */
function typeBlocks(contract: readonly DescFile[]): readonly string[] {
  const methods = contract.flatMap(({ services }) => services).flatMap((service) => service.methods);
  const shown = new Set<DescMessage | DescEnum>(methods.flatMap(({ input, output }) => [input, output]));
  const others = contract.flatMap(({ messages, enums }) => [...messages, ...enums]).filter((type) => !shown.has(type));
  return ['## Types', ...others.toSorted((left, right) => (left.name < right.name ? -1 : 1)).flatMap(oneTypeBlocks)];
}

function oneTypeBlocks(type: DescMessage | DescEnum): readonly string[] {
  const head = [`### ${type.name}`, commentOf(type)];
  if (type.kind === 'message') return [...head, ...fieldTable(type)];
  const rows = type.values.map((value) => [`\`${value.name}\``, commentOf(value)]);
  return [...head, markdownTable(['Value', 'Meaning'], rows)];
}

/** No table when there are no fields. */
function fieldTable({ fields }: DescMessage): readonly string[] {
  const rows = fields.map((field) => [`\`${field.name}\``, typeOf(field), commentOf(field)]);
  return rows.length === 0 ? [] : [markdownTable(['Field', 'Type', 'Meaning'], rows)];
}

function typeOf(field: DescField): string {
  const name = typeName(field);
  if (field.fieldKind === 'map') return `map of ${scalarName(field.mapKey)} to ${name}`;
  if (field.fieldKind === 'list') return `repeated ${name}`;
  return field.oneof === undefined ? name : `${name}, one of \`${field.oneof.name}\``;
}

/** Of a list or a map: of its values. */
function typeName(field: DescField): string {
  if (field.scalar !== undefined) return scalarName(field.scalar);
  const named = field.message === undefined ? field.enum : field.message;
  return named.typeName.startsWith(`${spoken}.`) ? linkTo(named.name) : named.name;
}

function scalarName(type: ScalarType): string {
  return ScalarType[type].toLowerCase();
}

/** The comment before it, its lines joined; '' where there is none. */
export function commentOf(
  described: DescService | DescMethod | DescMessage | DescField | DescEnum | DescEnumValue,
): string {
  return oneLine(getComments(described).leading);
}

function oneLine(comment = ''): string {
  return comment.trim().replaceAll(/\s*\n\s*/g, ' ');
}

function linkTo(name: string): string {
  return `[${name}](#${anchorOf(name)})`;
}

function reasons(of: readonly Reason[]): string {
  return [...new Set(of)].map((reason) => `\`${reason}\``).join(', ');
}

function shell(text: string): string {
  return `\`\`\`sh\n${text}\n\`\`\``;
}
