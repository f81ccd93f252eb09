import type { Message } from '../../../../src/client/gen/chat/v1/content_pb.js';
import type { Conversation } from '../../../../src/client/gen/chat/v1/history_service_pb.js';
import { jsonField, messageFields } from '../../../../src/client/message-json.ts';
import type { Parley } from '../../../../src/client/parley.ts';
import { refusalOf } from '../../../../src/client/refusal.ts';

/**
 * What was said in all conversations of a client, as a JSON file: `conversations`, each with its `messages`, as the command line's --json has them. Media are
 * described, without their bytes and URLs.
 * @param onProgress told how many conversations are in it
 * @throws Refusal
 */
export async function exportConversations(parley: Parley, onProgress: (conversations: number) => void): Promise<Blob> {
  const read = new Map<string, object | undefined>();
  const unread = async () =>
    (await all(parley.conversations())).filter(({ conversationId }) => !read.has(conversationId));
  // What something is said in meanwhile moves in the list, perhaps out of the pages to come: it is listed until nothing in it is new.
  for (let next = await unread(); next.length > 0; next = await unread())
    for (const conversation of next) {
      read.set(conversation.conversationId, await exported(parley, conversation));
      onProgress(read.size);
    }
  const conversations = [...read.values()].filter((one) => one !== undefined);
  const file = { exportTime: new Date().toISOString(), conversations };
  return new Blob([JSON.stringify(file, jsonField, 2)], { type: 'application/json' });
}

/** undefined: it was deleted meanwhile. */
async function exported(parley: Parley, conversation: Conversation): Promise<object | undefined> {
  try {
    const messages = await all(parley.messages(conversation.conversationId));
    return { ...conversation, messages: messages.map(withoutUrls) };
  } catch (error) {
    if (refusalOf(error).reason === 'NOT_FOUND') return undefined;
    throw error;
  }
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** URLs end after minutes. */
function withoutUrls(message: Message): object {
  for (const { value } of message.parts)
    if (value.case === 'media') Object.assign(value.value, { url: '', urlExpireTime: undefined });
  return messageFields(message);
}
