const micro = 1_000_000n;

/** An amount of money in decimals, from two to six of them: `1.25`, `0.000007`. */
export function moneyText(microUnits: bigint | number): string {
  const amount = BigInt(microUnits);
  const decimals = String(amount % micro).padStart(6, '0');
  return `${amount / micro}.${decimals.slice(0, 2)}${decimals.slice(2).replace(/0+$/, '')}`;
}

/** What decimals say in millionths; undefined: they are none, or more than six. */
export function microUnitsOf(text: string): bigint | undefined {
  const [, whole = '', decimals = ''] = /^(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  return whole === '' ? undefined : BigInt(whole) * micro + BigInt(decimals.padEnd(6, '0'));
}
