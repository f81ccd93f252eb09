/** As the server derives them: base64url, which may begin with the sign of an option. A reply's has `-r` behind it. */
const dashedMessageId = /^-[\w-]{21}(-r)?$/;

/**
 * The arguments of a command line with message ids that look like options behind the others, after `--`: one id in 64 begins with `-`,
 * and whoever pastes one does not think of that. No command takes another positional argument beside a message id.
 */
export function messageIdsLast(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const before = end === -1 ? args : args.slice(0, end);
  const ids = before.filter((arg) => dashedMessageId.test(arg));
  if (ids.length === 0) return [...args];
  const rest = before.filter((arg) => !dashedMessageId.test(arg));
  return [...rest, '--', ...ids, ...(end === -1 ? [] : args.slice(end + 1))];
}
