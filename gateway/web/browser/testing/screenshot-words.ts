import { echoAnswer, type TestAnswer } from '../../../../src/testing/openai-test-answers.ts';

/** What is said, a conversation each, the newest last. */
export const examples: readonly (readonly string[])[] = [
  ['How long does bread dough keep in the fridge?'],
  ['What is the difference between a lake and a lagoon?'],
  ['Write a haiku about the first frost'],
  ['Plan three days in Lisbon with two children'],
  [
    'My daughter and I want to build a kite. What do we need?',
    'How big should it be? She would like to work it out herself.',
  ],
];

const needed = `A simple **diamond kite** flies well and takes an afternoon. You need:

- two light sticks of bamboo or spruce, 90 cm and 75 cm
- a sheet of thin fabric or strong paper, 1 m × 1 m
- 30 m of kite line, and a reel
- ribbon for a tail of about 3 m

Cross the sticks a quarter of the way down, tie them, and run a line around the four tips. The sheet is folded over that line.
`;

const howBig = `A good place to start: the spine is as long as she can reach. The rest follows from it, and she can let the computer check her:

\`\`\`python
spine = 90                  # centimetres
spar = spine * 5 / 6        # across
tail = spine * 3.5

area = spine * spar / 2 / 10_000
print(f"{spar:.0f} cm across, {area:.2f} m² of sail, {tail:.0f} cm of tail")
\`\`\`

| Wind | What it is like | Tail |
| --- | --- | --- |
| light | leaves rustle | 2.5 m |
| moderate | flags stand out | 3 m |
| fresh | small trees sway | 4 m, or another day |
`;

const replies: Readonly<Record<string, string>> = {
  [examples.at(-1)?.[0] ?? '']: needed,
  [examples.at(-1)?.[1] ?? '']: howBig,
};

/** What the model says to it. */
export function exampleReply({ text }: { readonly text: string }): TestAnswer {
  const known = replies[text];
  return known === undefined ? echoAnswer(text) : { kind: 'reply', pieces: [known] };
}
