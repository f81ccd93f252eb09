import type { Message } from './gen/chat/v1/content_pb.js';
import type { Conversation } from './gen/chat/v1/history_service_pb.js';
import { messageFields } from './message-json.ts';
import type { Parley } from './parley.ts';
import { refusalOf } from './refusal.ts';

/** A conversation with all of its messages, oldest first. */
export interface ExportedConversation {
  readonly conversation: Conversation;
  readonly messages: readonly Message[];
}

/**
 * All conversations of a client, each once and one after the other; one that is deleted meanwhile is left out.
 * @throws Refusal
 */
export async function* exportedConversations(parley: Parley): AsyncGenerator<ExportedConversation, void, void> {
  const read = new Set<string>();
  const unread = async () =>
    (await all(parley.conversations())).filter(({ conversationId }) => !read.has(conversationId));
  // A conversation that gets a message meanwhile moves in the list, perhaps out of the pages to come: it is listed until nothing in it is new.
  for (let next = await unread(); next.length > 0; next = await unread())
    for (const conversation of next) {
      read.add(conversation.conversationId);
      const messages = await messagesOf(parley, conversation.conversationId);
      if (messages !== undefined) yield { conversation, messages };
    }
}

/** For JSON, with `jsonField`: the conversation's fields and `messages`. Media are described, without their bytes, and without URLs, which end after minutes. */
export function exportedFields({ conversation, messages }: ExportedConversation): object {
  return { ...conversation, messages: messages.map((message) => messageFields(withoutUrls(message))) };
}

/** undefined: the conversation was deleted meanwhile. */
async function messagesOf(parley: Parley, conversationId: string): Promise<readonly Message[] | undefined> {
  try {
    return await all(parley.messages(conversationId));
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

function withoutUrls(message: Message): Message {
  const parts = message.parts.map((part) => {
    if (part.value.case !== 'media') return part;
    const value = { ...part.value.value, url: '', urlExpireTime: undefined };
    return { ...part, value: { case: 'media' as const, value } };
  });
  return { ...message, parts } as Message;
}
