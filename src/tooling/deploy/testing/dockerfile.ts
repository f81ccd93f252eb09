import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** One line of a Dockerfile, its continuations joined: `COPY`, its `--name=value` flags, and the rest. */
export interface Instruction {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly rest: string;
}

/** What begins with a FROM. */
export interface Stage {
  /** As later stages call it; of the last one, ''. */
  readonly name: string;
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

/** A stage that was carried out. */
export interface Made {
  /** What would be the root of its file system. */
  readonly root: string;
  /** Below it, where commands run. */
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface CarryOutOptions {
  /** What Docker would call the context. */
  readonly context: string;
  /** Empty; each stage gets a folder in it. */
  readonly folder: string;
  /** Of the commands, as the base image would give it. */
  readonly env: Readonly<Record<string, string>>;
}

const maxOutputBytes = 64 * 1_024 * 1_024;

/** The stages of a Dockerfile that begins with its first FROM. Throws at a line that is no instruction. */
export function readDockerfile(text: string): readonly Stage[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string; image: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const instruction = instructionOf(line);
    if (instruction.name === 'FROM') {
      const [, image = '', name = ''] = /^(\S+)(?: AS (\S+))?$/i.exec(instruction.rest) ?? [];
      stages.push({ name, image, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function instructionOf(line: string): Instruction {
  const [, name, flags = '', rest = ''] = /^([A-Z]+)((?:\s+--\S+)*)\s+(.*?)\s*$/.exec(line) ?? [];
  if (name === undefined) throw new Error(`not an instruction: ${line}`);
  const pairs = [...flags.matchAll(/--([a-z-]+)=(\S+)/g)].map(([, flag = '', value = '']) => [flag, value]);
  return { name, flags: Object.fromEntries(pairs), rest };
}

/** The words of an instruction in its exec form, `["a", "b"]`; of HEALTHCHECK those after CMD. Throws for the shell's form, which is not used here. */
export function wordsOf({ rest }: Instruction): readonly string[] {
  const words: unknown = JSON.parse(rest.replace(/^CMD\s+/, ''));
  if (!Array.isArray(words)) throw new Error(`not a list of words: ${rest}`);
  return words.map(String);
}

/**
 * Does what the stages say as plain commands, one folder per stage: WORKDIR, COPY, ENV and RUN; the rest says how the image is used. Resolves to the
 * last stage. Only paths relative to WORKDIR can be used in RUN: absolute ones would be this machine's.
 */
export async function carryOut(stages: readonly Stage[], options: CarryOutOptions): Promise<Made> {
  const made = new Map<string, Made>();
  let last: Made | undefined;
  for (const [index, stage] of stages.entries()) {
    const root = join(options.folder, String(index));
    last = { root, workdir: root, env: {} };
    for (const instruction of stage.instructions) last = await follow(instruction, last, made, options);
    made.set(stage.name, last);
  }
  if (last === undefined) throw new Error('a Dockerfile without FROM');
  return last;
}

async function follow(
  { name, flags, rest }: Instruction,
  stage: Made,
  others: ReadonlyMap<string, Made>,
  { context, env }: CarryOutOptions,
): Promise<Made> {
  switch (name) {
    case 'WORKDIR': {
      const workdir = join(stage.root, rest);
      await mkdir(workdir, { recursive: true });
      return { ...stage, workdir };
    }
    case 'ENV': {
      const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(rest) ?? [];
      return { ...stage, env: { ...stage.env, [key]: value } };
    }
    case 'COPY': {
      const from = flags['from'] === undefined ? context : others.get(flags['from'])?.root;
      if (from === undefined) throw new Error(`no stage ${flags['from']}`);
      await copy(rest.split(/\s+/), from, stage.workdir);
      return stage;
    }
    case 'RUN':
      await promisify(execFile)('sh', ['-c', rest], {
        cwd: stage.workdir,
        env: { ...env, ...stage.env },
        maxBuffer: maxOutputBytes,
      });
      return stage;
    default:
      return stage;
  }
}

/** A folder's contents go where the last word says; files too, or into it when it ends with a slash. */
async function copy(words: readonly string[], from: string, workdir: string): Promise<void> {
  const target = words.at(-1) ?? '.';
  for (const source of words.slice(0, -1)) {
    const into = target.endsWith('/') ? join(target, basename(source)) : target;
    await cp(join(from, source), join(workdir, into), { recursive: true, verbatimSymlinks: true });
  }
}
