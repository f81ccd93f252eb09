import { delimiter } from 'node:path';

/** The environment of whoever stands outside of this tree: nothing of its node_modules in the PATH, and how registries are reached. */
export function outsideEnv(): Record<string, string> & { PATH: string } {
  const kept = /^(HOME|npm_config_(registry|cache|cafile|userconfig)|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS)$/i;
  const { PATH = '', ...others } = process.env;
  const path = PATH.split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const named = Object.entries(others).flatMap(([name, value = '']) => (kept.test(name) ? [[name, value]] : []));
  return { ...Object.fromEntries(named), PATH: path.join(delimiter) };
}
