import { catalogue, type Reason } from '../domain/errors/catalogue.ts';
import type { ApiContract, ApiField, ApiMessage, ApiRpc, ApiService, ApiType } from './api-contract.ts';
import {
  accountPreparation,
  commonRefusals,
  examples,
  grpcurlLine,
  mediaPreparation,
  sessionPreparation,
  valuePreparation,
} from './api-examples.ts';
import { anchorOf, type Block, htmlPage, markdownPage } from './page-blocks.ts';
import { refusalTable } from './refusal-table.ts';

const origin = 'Written from proto/chat/v1 and src/tooling/api-examples.ts by `npm run generate`: change it there.';

/** What a reader meets first first. Services that are not named come last. */
const serviceOrder = ['ChatService', 'HistoryService', 'MediaService', 'OperationsService', 'AccountService'];

/** The page for the repository, which has the reasons of refusals on a page of their own. */
export function apiMarkdown(contract: ApiContract): string {
  const refusals = paragraph('[errors.md](errors.md) says of each reason what it means and what to do.');
  return markdownPage([...apiBlocks(contract), heading(2, 'Refusals'), refusals], origin);
}

/** The same page for the server to show, with the reasons of refusals in it. */
export function apiHtml(contract: ApiContract): string {
  const rows = Object.entries(catalogue);
  const refusals: readonly Block[] = [
    heading(2, 'Refusals'),
    paragraph('A call or stream ends with these:'),
    refusalTable(rows.filter(([, { scope }]) => scope === 'call')),
    paragraph('These concern one message. In a session they come as `MessageRejected`, and the session goes on:'),
    refusalTable(rows.filter(([, { scope }]) => scope === 'message')),
  ];
  return htmlPage([...apiBlocks(contract), ...refusals], origin);
}

/** Throws when a call has no example. */
function apiBlocks(contract: ApiContract): readonly Block[] {
  const rank = ({ name }: ApiService) =>
    (serviceOrder.indexOf(name) + serviceOrder.length + 1) % (serviceOrder.length + 1);
  const services = contract.services.toSorted((left, right) => rank(left) - rank(right));
  return [
    heading(1, 'The API'),
    ...introduction(services),
    ...services.flatMap((service) => serviceBlocks(service, contract)),
    ...typeBlocks(contract),
  ];
}

function introduction(services: readonly ApiService[]): readonly Block[] {
  return [
    paragraph(
      `Parley speaks gRPC. The contract is in \`proto/chat/v1\`; a server with \`PARLEY_REFLECTION\` tells it by reflection, too (\`grpcurl -plaintext 127.0.0.1:50051 list\`).
This page has every call, with a line of [grpcurl](https://github.com/fullstorydev/grpcurl) that makes it against a server started with
\`npm start\`.`,
    ),
    {
      kind: 'table',
      heads: ['Service', ''],
      rows: services.map(({ name, comment }) => [`[${name}](#${anchorOf(name)})`, comment]),
    },
    heading(2, 'Before you begin'),
    paragraph(
      `Paste these lines into a shell once. They open a session as the client \`ada\`, keep it alive in the background, say something, and leave the
ids that calls below need in \`SESSION_ID\`, \`CONVERSATION_ID\` and \`MESSAGE_ID\`. Once the session has ended, paste them again.`,
    ),
    shell(`${valuePreparation}\n${sessionPreparation}`),
    heading(2, 'In general'),
    paragraph(
      `In JSON, as above, \`bytes\` are base64, \`int64\` is a text of digits, \`Timestamp\` is RFC 3339 (\`"2026-11-21T13:39:52Z"\`) and \`Duration\` is in
seconds (\`"1.5s"\`). A field that is not sent is empty, 0 or false. Lists come in pages: send \`next_page_token\` of the answer before as
\`page_token\`, with the same other fields, until it is empty.`,
    ),
    paragraph(
      `Where authentication is on, every call carries an access token (\`-H "authorization: Bearer $ACCESS_TOKEN"\`), but those of AccountService that are shown without one, and
\`client_id\` comes from it: leave it empty. Where it is off, \`client_id\` is whoever you say, and everybody is an operator.`,
    ),
    paragraph(
      `A refused call has a gRPC code and a reason. Each call names the reasons of its own; any call may meet ${reasons(commonRefusals)}.
[Refusals](#refusals) says what they mean.`,
    ),
  ];
}

/** What must be pasted before the calls of a service, beside what all need. */
const preparations: Readonly<Record<string, readonly Block[]>> = {
  MediaService: [
    paragraph('Paste these lines first. They upload a picture of one pixel, and leave its id in `MEDIA_ID`.'),
    shell(mediaPreparation),
  ],
  AccountService: [
    paragraph(
      'These calls need a server that keeps accounts: `PARLEY_AUTH=accounts npm start`. Paste these lines first. They make an account `ada` and sign it in; `REFRESH_TOKEN` and `ACCESS_TOKEN` are its tokens.',
    ),
    shell(`${valuePreparation}\n${accountPreparation}`),
  ],
};

function serviceBlocks(service: ApiService, contract: ApiContract): readonly Block[] {
  return [
    heading(2, service.name),
    paragraph([service.comment, service.fileComment].filter((text) => text !== '').join(' ')),
    ...(preparations[service.name] ?? []),
    ...service.rpcs.flatMap((rpc) => rpcBlocks(`${service.fullName}/${rpc.name}`, rpc, contract)),
  ];
}

function rpcBlocks(call: string, rpc: ApiRpc, contract: ApiContract): readonly Block[] {
  const example = examples[call];
  if (example === undefined) throw new Error(`src/tooling/api-examples.ts has no example of ${call}`);
  return [
    heading(3, rpc.name),
    paragraph(rpc.comment),
    shell(grpcurlLine(call, example)),
    ...(example.remark === undefined ? [] : [paragraph(example.remark)]),
    ...sideBlocks('Request', rpc.requestStream, rpc.request, contract),
    ...sideBlocks('Response', rpc.responseStream, rpc.response, contract),
    ...(example.refusals.length === 0 ? [] : [paragraph(`[Refusals](#refusals): ${reasons(example.refusals)}.`)]),
  ];
}

function sideBlocks(side: string, isStream: boolean, type: string, contract: ApiContract): readonly Block[] {
  const message = contract.types.get(type);
  if (message?.kind !== 'message') throw new Error(`${type} is no message of the contract`);
  const title = `**${side}**: ${isStream ? 'a stream of ' : ''}\`${message.name}\`. ${message.comment}`;
  return message.fields.length === 0 ? [paragraph(title)] : [paragraph(title), fieldTable(message)];
}

/** The types that calls do not name themselves, by their name. */
function typeBlocks({ services, types }: ApiContract): readonly Block[] {
  const shown = new Set(services.flatMap(({ rpcs }) => rpcs.flatMap(({ request, response }) => [request, response])));
  const others = [...types].filter(([name]) => !shown.has(name)).map(([, type]) => type);
  return [
    heading(2, 'Types'),
    ...others.toSorted((left, right) => (left.name < right.name ? -1 : 1)).flatMap(oneTypeBlocks),
  ];
}

function oneTypeBlocks(type: ApiType): readonly Block[] {
  const head = [heading(3, type.name), paragraph(type.comment)];
  if (type.kind === 'message') return type.fields.length === 0 ? head : [...head, fieldTable(type)];
  const rows = type.values.map(({ name, comment }) => [`\`${name}\``, comment]);
  return [...head, { kind: 'table', heads: ['Value', 'Meaning'], rows }];
}

function fieldTable({ fields }: ApiMessage): Block {
  const rows = fields.map((field) => [`\`${field.name}\``, typeOf(field), field.comment]);
  return { kind: 'table', heads: ['Field', 'Type', 'Meaning'], rows };
}

function typeOf({ type, repeated, keyType, oneof }: ApiField): string {
  const name = typeName(type);
  if (keyType !== undefined) return `map of ${keyType} to ${name}`;
  return `${repeated ? 'repeated ' : ''}${name}${oneof === undefined ? '' : `, one of \`${oneof}\``}`;
}

function typeName(type: string): string {
  const name = type.slice(type.lastIndexOf('.') + 1);
  return type.startsWith('chat.v1.') ? `[${name}](#${anchorOf(name)})` : name;
}

function reasons(of: readonly Reason[]): string {
  return [...new Set(of)].map((reason) => `\`${reason}\``).join(', ');
}

function heading(level: 1 | 2 | 3, text: string): Block {
  return { kind: 'heading', level, text };
}

function paragraph(text: string): Block {
  return { kind: 'paragraph', text };
}

function shell(text: string): Block {
  return { kind: 'shell', text };
}
