import { installed, isInstallable } from './install.ts';

/** `node run-install.ts NAME`: prints the folder that holds what is named, installed when it is not there yet. What went wrong is on stderr. */
const [name = ''] = process.argv.slice(2);
try {
  if (!isInstallable(name)) throw new Error(`nothing is known of how to install ${name}`);
  console.log(await installed(name));
} catch (error) {
  for (let at = error; at instanceof Error; at = at.cause) console.error(at.message);
  process.exitCode = 1;
}
