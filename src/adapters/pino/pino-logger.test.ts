import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

/** What a process that logs this says on standard error. */
function logged(fields: object): string {
  const module = new URL('./pino-logger.ts', import.meta.url).href;
  const script = `const { pinoLogger } = await import(${JSON.stringify(module)});
pinoLogger({ level: 'info', format: 'json', release: '1.2.3' }).info(${JSON.stringify(fields)}, 'told');`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stderr;
}

test('secrets, and what people say, are blotted out wherever they stand', () => {
  const secrets = ['password', 'newPassword', 'oldPassword', 'accessToken', 'refreshToken', 'resumeToken', 'text'];
  const fields = Object.fromEntries(secrets.map((name) => [name, 'told by nobody']));
  const line = logged({ ...fields, request: fields, clientId: 'ada' });
  expect(line).not.toContain('told by nobody');
  expect(JSON.parse(line)).toMatchObject({ msg: 'told', clientId: 'ada', request: { password: '[Redacted]' } });
});

test('each line has its level by name, and the release that wrote it', () => {
  expect(JSON.parse(logged({}))).toMatchObject({ level: 'info', release: '1.2.3' });
});
