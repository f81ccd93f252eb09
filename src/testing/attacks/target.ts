import { readdir, readFile } from 'node:fs/promises';
import { dial, type Session } from '../black-box-client.ts';
import { call, clientOf, hangUp } from '../contract.ts';
import { type ParleyServer, startServer } from '../server.ts';

const mebibyte = 1_024 * 1_024;

/** A server under attack and a client that attacks nobody, whose connection comes from another address than the attacks do. */
export interface Target extends AsyncDisposable {
  readonly server: ParleyServer;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** How much resident memory the server has gained since its start, in MiB. */
  grownMib(): Promise<number>;
  /** The most that `grownMib` answered while this went on. */
  peakMib(attack: Promise<unknown>): Promise<number>;
  /** Files and connections that the server has open beyond those of its start. */
  openedFiles(): Promise<number>;
  /** Sends a message on the open session, and opens another one: both must be answered. */
  honestClientIsServed(): Promise<void>;
}

const samplePauseMs = 100;
const pingIntervalMs = 5_000;

/** Starts the server as users run it, with one session open. Where it keeps accounts, its clients have one each. */
export async function startTarget(env: Readonly<Record<string, string>> = {}): Promise<Target> {
  const server = await startServer({ env: { PARLEY_SIMULATED_TEXT_DELAY_MS: '0', ...env } });
  const accessTokens = env['PARLEY_AUTH'] === 'accounts' ? await signUpTwo(server) : [];
  const witness = dial(...dialAs(server, accessTokens[0]));
  await witness.ask('Is anybody there?');
  // On a busy machine an attack takes longer than a session may be silent; what ended it is seen when it is asked next.
  const pings = setInterval(() => void witness.ping().catch(() => undefined), pingIntervalMs);
  const startBytes = await residentBytes(server.pid);
  const startFiles = await openFiles(server.pid);
  const grownMib = async () => (await residentBytes(server.pid)) / mebibyte - startBytes / mebibyte;
  return {
    server,
    grpcPort: portOf(server.address),
    httpPort: portOf(server.httpAddress),
    grownMib,
    openedFiles: async () => (await openFiles(server.pid)) - startFiles,
    async peakMib(attack) {
      let isOver = false;
      const over = attack.finally(() => {
        isOver = true;
      });
      let peak = 0;
      while (!isOver) {
        peak = Math.max(peak, await grownMib());
        await Promise.race([over, new Promise((resolve) => setTimeout(resolve, samplePauseMs))]);
      }
      await over;
      return Math.max(peak, await grownMib());
    },
    async honestClientIsServed() {
      await witness.ask('Still there?');
      await oneSession(server, accessTokens[1]);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(pings);
      witness.drop();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function signUpTwo({ address }: ParleyServer): Promise<readonly string[]> {
  const client = clientOf('chat.v1.AccountService', address);
  const signUps = ['witness', 'guest'].map((userName) =>
    call(client, 'SignUp', { userName, password: 'correct horse' }),
  );
  const answers = await Promise.all(signUps);
  hangUp(client);
  return answers.map(({ tokens }) => tokens.accessToken);
}

/** Who is signed in is whom the token says. */
function dialAs({ address }: ParleyServer, accessToken: string | undefined): Parameters<typeof dial> {
  if (accessToken === undefined) return [{ address, shape: 'bidi' }];
  return [{ address, shape: 'bidi', accessToken }, { clientId: '' }];
}

async function oneSession(server: ParleyServer, accessToken: string | undefined): Promise<void> {
  const session: Session = dial(...dialAs(server, accessToken));
  await session.ask('May I come in?');
  await session.goodbye();
}

/** How many connections and requests were cut for this reason. */
export async function metricOf({ server }: Target, reason: string): Promise<number> {
  const text = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  const line = new RegExp(`^parley_cut_connections_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text);
  return Number(line?.[1]);
}

/** Of the kernel, which answers whatever the process does. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

/** Files and connections that a process has open. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** The port of an address. */
export function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}
