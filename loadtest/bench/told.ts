/** Waits for a figure and shows it, so that a long run tells how far it is. */
export async function told<T extends object>(what: string, figure: Promise<T>): Promise<T> {
  const settled = await figure;
  const short = JSON.stringify(settled, (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(4)) : value,
  );
  console.log(`${what.padEnd(28)} ${short}`);
  return settled;
}
