import { HeldSession } from './held-session.ts';

/** What templates ask of the environment. It is there until this is disposed of. */
export interface Variables extends AsyncDisposable {
  readonly values: Readonly<Record<string, string>>;
}

/** Makes those variables that the text of a configuration names. Rejects with the Refusal of what the server refuses. */
export async function variablesOf(text: string, address: string, sessions: number): Promise<Variables> {
  await using held = new AsyncDisposableStack();
  const names = (variable: string) => text.includes(`env \`${variable}\``);
  const values: Record<string, string> = {};
  if (names('CONVERSATION_ID')) values['CONVERSATION_ID'] = await makeConversation(address);
  if (names('SESSION_IDS')) values['SESSION_IDS'] = (await holdSessions(address, sessions, held)).join();
  const resources = held.move();
  return { values, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** The ids of so many open sessions. */
async function holdSessions(address: string, count: number, held: AsyncDisposableStack): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) ids.push(held.use(await HeldSession.open(address)).sessionId);
  return ids;
}

/** The id of a conversation that history holds. */
async function makeConversation(address: string): Promise<string> {
  await using session = await HeldSession.open(address);
  await session.fillPage();
  return session.conversationId;
}
