import { engineNames, installed, isInstallable } from './install.ts';

/** `node install-all.ts [NAME …]`: installs what is named, or all engines, before the tests, so that none of their time limits has to allow for it. */
const names = process.argv.slice(2);
for (const name of names.length === 0 ? engineNames : names) {
  if (!isInstallable(name)) throw new Error(`nothing is known of how to install ${name}`);
  console.log(`${name}: ${await installed(name)}`);
}
