import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { type ExportedConversation, exportedConversations, exportedFields } from '../client/export.ts';
import { type Message, Role } from '../client/gen/chat/v1/content_pb.js';
import { textOf } from '../client/message-text.ts';
import type { CommonOptions, Surroundings } from './common-options.ts';
import { withCommonOptions } from './common-options.ts';
import { connect } from './endpoint.ts';
import { explain } from './explain.ts';
import { identify, noConversations } from './identity.ts';
import { MediaFolder } from './media/incoming-media.ts';
import { mediaOf, mediaText } from './media/media-text.ts';
import { progressLine } from './media/progress.ts';
import { run } from './run.ts';
import { dateOf, jsonLine, localTime } from './show.ts';
import { printableLine } from './text.ts';

interface ExportOptions extends CommonOptions {
  readonly format: 'jsonl' | 'markdown';
  readonly media?: string;
}

/** The file of each media object that was saved, by its id. */
type Files = ReadonlyMap<string, string>;

/** Adds `parley export`. */
export function registerExport(program: Command, surroundings: Surroundings): void {
  withCommonOptions(program.command('export'), surroundings)
    .description('print all your conversations with their messages, to keep them')
    .addOption(
      new Option('--format <format>', 'one JSON object a conversation and line, or a text to read')
        .choices(['jsonl', 'markdown'])
        .default('jsonl'),
    )
    .option('--media <folder>', 'save media there; the export names their files')
    .action((options: ExportOptions) => run(options.address, () => exportAll(options, surroundings)));
}

/** @returns false when a media object could not be saved: the rest is exported all the same */
async function exportAll(options: ExportOptions, surroundings: Surroundings): Promise<boolean> {
  const { address, media: folder, timeZone } = options;
  const { endpoint, clientId } = identify(options, surroundings);
  using parley = connect(endpoint, { clientId });
  const show = progressLine(process.stderr);
  const media = folder === undefined ? undefined : new MediaFolder({ folder, timeZone, endpoint, show });
  let exported = 0;
  let failures = 0;
  const save = async (message: Message): Promise<readonly (readonly [string, string])[]> => {
    const saved: [string, string][] = [];
    for (const object of media === undefined ? [] : mediaOf(message))
      try {
        const path = await media?.save(object, dateOf(message.createTime) ?? new Date());
        saved.push([object.mediaId, basename(path ?? '')]);
      } catch (error) {
        failures += 1;
        process.stderr.write(`${object.mediaId} is not saved: ${explain(error, address)}\n`);
      }
    return saved;
  };
  for await (const one of exportedConversations(parley)) {
    const files = new Map<string, string>();
    for (const message of one.messages) for (const [id, file] of await save(message)) files.set(id, file);
    process.stdout.write(
      options.format === 'jsonl' ? jsonLine(withFiles(exportedFields(one), files)) : markdownOf(one, files, timeZone),
    );
    exported += 1;
    show(`${exported} ${exported === 1 ? 'conversation' : 'conversations'} exported`);
  }
  show('');
  if (exported === 0) process.stderr.write(`${noConversations(clientId)}\n`);
  return failures === 0;
}

/** `mediaFiles`: by media id. */
function withFiles(fields: object, files: Files): object {
  return files.size === 0 ? fields : { ...fields, mediaFiles: Object.fromEntries(files) };
}

function markdownOf({ conversation, messages }: ExportedConversation, files: Files, timeZone: string): string {
  const { title, conversationId } = conversation;
  const heading = `# ${printableLine(title || conversationId)}\n\nConversation ${conversationId}\n\n`;
  return heading + messages.map((message) => messageMarkdown(message, files, timeZone)).join('');
}

/** A text is as it was written: that of a model is Markdown already. */
function messageMarkdown(message: Message, files: Files, timeZone: string): string {
  const who = message.role === Role.USER ? 'You' : `Assistant${message.model === '' ? '' : ` (${message.model})`}`;
  const media = mediaOf(message).map((object) => {
    const file = files.get(object.mediaId);
    return file === undefined ? mediaText(object) : `${mediaText(object)}(${encodeURI(file)})`;
  });
  const said = [textOf(message), ...media].filter((part) => part !== '').join('\n\n');
  return `**${who}**, ${localTime(message.createTime, timeZone)}\n\n${said}\n\n`;
}
