import { cp } from 'node:fs/promises';

/** What the running product reads beside its code, as it stands in the tree. */
const assets = [
  'docs/api.html',
  'gateway/web/dist',
  'src/client/gen',
  'src/adapters/simulated/samples',
  'src/main/common-passwords.license.txt',
  'src/main/common-passwords.txt',
  'src/main/samples',
];

const root = new URL('../../', import.meta.url);

for (const asset of assets) await cp(new URL(asset, root), new URL(`dist/${asset}`, root), { recursive: true });
