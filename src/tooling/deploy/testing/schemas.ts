import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The Kubernetes whose schemas manifests are checked by. */
const kubernetesVersion = 'v1.37.0';

type Schema = { properties?: Record<string, Schema>; additionalProperties?: unknown; items?: Schema } & Record<
  string,
  unknown
>;

/**
 * Writes schemas as kubeconform takes them, `<kind>-<group>-<version>.json`, into the folder: those of the core from the Python package
 * kubernetes-validate, and KEDA's ScaledObject from its CustomResourceDefinition. Unknown fields are refused by all of them.
 */
export async function writeSchemas(tools: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const [core = ''] = (await readdir(join(tools, 'python/lib'))).map((python) =>
    join(
      tools,
      'python/lib',
      python,
      `site-packages/kubernetes_validate/kubernetes-json-schema/${kubernetesVersion}-local-strict`,
    ),
  );
  for (const file of await readdir(core)) {
    const text = await readFile(join(core, file), 'utf8');
    // Its own address would be asked for over the network.
    const { $id: _, ...schema } = JSON.parse(text.replaceAll('/api/_definitions.json', '_definitions.json'));
    await writeFile(join(folder, file), JSON.stringify(schema));
  }
  const { spec } = parse(await readFile(join(tools, 'scaledobjects.yaml'), 'utf8'));
  const schema = strict(spec.versions[0].schema.openAPIV3Schema);
  await writeFile(join(folder, 'scaledobject-keda-v1alpha1.json'), JSON.stringify(schema));
}

/** Nothing beside the properties that are named; but `metadata`, of which a definition says only that it is an object. */
function strict(schema: Schema): Schema {
  const inner = schema.properties && Object.entries(schema.properties).map(([name, value]) => [name, strict(value)]);
  return {
    ...schema,
    ...(inner === undefined ? {} : { properties: Object.fromEntries(inner), additionalProperties: false }),
    ...(schema.items === undefined ? {} : { items: strict(schema.items) }),
  };
}
