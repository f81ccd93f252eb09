import type { ReplyKind } from '../../ports/provider.ts';

/**
 * Phrases of the simulated model. Placeholders: {time} {weekday} {date} {zone} {partOfDay} of the client; of the message {count} (`7 words`), {keyword},
 * {other} (only when there are two), {reflected} and {media}. Topics whose message may have no word worth repeating use none.
 */
export type Phrases = readonly [string, ...string[]];

export type Topic =
  | 'wordless'
  | 'count'
  | 'time'
  | 'date'
  | 'zone'
  | 'identity'
  | 'wellbeing'
  | 'help'
  | 'markdown'
  | 'drawing'
  | 'thanks'
  | 'farewell'
  | 'greeting'
  | 'why'
  | 'how'
  | 'when'
  | 'where'
  | 'who'
  | 'question'
  | 'feeling'
  | 'reflection'
  | 'assent'
  | 'long'
  | 'statement';

export const phrases: Readonly<Record<Topic, Phrases>> = {
  wordless: [
    'There are no words in that, but I am glad you wrote.',
    'I can read letters and numbers; that was neither. Could you say it in words?',
    'A message without words at {time}: I will take it as a nod.',
  ],
  count: [
    'Your message has {count}, this question included.',
    'I count {count}.',
    'That makes {count}, if I am not mistaken.',
  ],
  time: [
    'It is {time} where you are ({zone}).',
    'Your clock should show {time} now, on {weekday}.',
    'In {zone} it is {time}, so you have a good part of the {partOfDay} behind you or before you.',
    'By my reckoning it is {time} on {weekday}, {date}, in {zone}.',
  ],
  date: [
    'It is {weekday}, {date}, where you are.',
    'In {zone} today is {weekday}, {date}.',
    'Your calendar should say {weekday}, {date}; the clock says {time}.',
  ],
  zone: [
    'Your time zone is {zone}, where it is {time}.',
    'You told me {zone}; there it is {weekday}, {time}.',
    'I go by {zone} for you, so for me this is {time} in the {partOfDay}.',
  ],
  identity: [
    'I am a simulated model: I look at your words and your clock, and understand neither.',
    'I am the stand-in for a language model. I answer from a few dozen sentences, politely.',
    'Nobody, really: a simulation that knows little more than that it is {time} where you are.',
  ],
  wellbeing: [
    'Thank you for asking: a simulation is always well. How is your {partOfDay}?',
    'Very well, thank you, and it is only {time}. And you?',
    'As well as on any {weekday}, thank you. How are things with you?',
    'I cannot complain; nobody has written the sentence for it. How are you this {partOfDay}?',
  ],
  help: [
    'I can tell you the time and the day where you are, count words, and show you a table, a code block, a diagram and a formula.',
    'Ask me the time, the date or your time zone, or for a table, or just talk: I will pick up a word of yours.',
    'I am only simulated, so my help is modest: the time ({time}), the day ({weekday}), and some company.',
  ],
  // Enough of Markdown to see how a client shows it.
  markdown: [
    `Here are both, at {time}:

\`\`\`ts
const words: string[] = ['{keyword}'];
for (const word of words) console.log(word.length);
\`\`\`

| Asked | Where | In |
| --- | --- | ---: |
| **{weekday}** | *{zone}* | {count} |`,
  ],
  drawing: [
    `Here are both, at {time}:

$$a^2 + b^2 = c^2$$

\`\`\`mermaid
flowchart LR
  You --> Gateway --> Log --> Model
  Model --> Log
\`\`\``,
  ],
  thanks: [
    'You are welcome.',
    'It was a pleasure, this {partOfDay}.',
    'Not at all. Is there anything else I can do for you?',
    'You are very welcome. It was a small thing.',
  ],
  farewell: [
    'Goodbye, and enjoy your {partOfDay}.',
    'Until next time. Have a good {weekday}.',
    'Take care. It was good to talk at {time}.',
    'Farewell. The conversation will be here when you come back.',
  ],
  greeting: [
    'How can I help you this {partOfDay}?',
    'It is good to hear from you on a {weekday}.',
    'What would you like to talk about?',
    'It is {time} where you are; what is on your mind?',
    'I hope your {weekday} is going well.',
  ],
  why: [
    'Reasons are difficult, and “{keyword}” more than most.',
    'There may be several reasons, but I would look at “{keyword}” first.',
    'Why, indeed: a real model would have an opinion on “{keyword}”.',
    'Perhaps because “{keyword}” and “{other}” belong together.',
  ],
  how: [
    'Step by step, I would say, beginning with “{keyword}”.',
    'There is more than one way, and “{keyword}” is a good place to start.',
    'Carefully: “{keyword}” rewards patience, even at {time}.',
    'I would try it with “{other}” first and see where “{keyword}” leads.',
  ],
  when: [
    'I can only say that it is {time} on {weekday} now; “{keyword}” may come later.',
    'Not before {weekday} is over, I would guess.',
    'It depends on “{keyword}”, and on the clock, which shows {time}.',
  ],
  where: [
    'Somewhere in {zone}, if it is near you.',
    'I would look for “{keyword}” where you saw it last.',
    'Of places I only know your time zone, {zone}.',
  ],
  who: [
    'I know nobody by name, but “{keyword}” might tell you more.',
    'Someone who cares about “{keyword}”, I suppose.',
    'That is a question for somebody who has met “{keyword}” in person.',
  ],
  question: [
    'That is a good question about “{keyword}”.',
    'I would say yes, although “{keyword}” leaves room for doubt.',
    'Probably not, but “{other}” may be an exception.',
    'It depends on what you mean by “{keyword}”.',
    'In {count} you ask more than I can answer about “{keyword}”.',
    'If “{keyword}” is what matters to you, then I think so.',
    'A real model would know; I only see that “{keyword}” matters to you this {partOfDay}.',
  ],
  feeling: [
    'You say that {reflected}; thank you for telling me.',
    'I hear that {reflected}. That matters.',
    'It is good that you say so: {reflected}. Has it been so all {weekday}?',
    'So {reflected}, and at {time} too. I hope the {partOfDay} is kind to you.',
  ],
  reflection: [
    'So {reflected}.',
    'If I follow you, {reflected}.',
    'You tell me that {reflected}; what does “{keyword}” mean to you?',
    'I see: {reflected}. I will remember “{keyword}” for as long as this sentence lasts.',
    'Let me say it back: {reflected}.',
  ],
  assent: [
    'Good, then we agree.',
    'I take that as settled, at {time}.',
    'Understood. What comes next?',
    'Fair enough, and said in {count}.',
  ],
  long: [
    'That was {count}, and “{keyword}” stands out to me.',
    'You have written a good deal, {count}. If I had to choose, I would begin with “{keyword}” and “{other}”.',
    'Thank you for the details. Between “{keyword}” and “{other}” there is a lot to think about.',
  ],
  statement: [
    'Tell me more about “{keyword}”.',
    '“{keyword}” is worth a thought, this {partOfDay} as well as any.',
    '“{keyword}”, then; you put it in {count}.',
    'You mention “{keyword}”; is “{other}” part of it?',
    'That is interesting, above all “{keyword}”.',
    'Noted at {time}: “{keyword}”.',
    'I have little to add to “{keyword}”, but I am listening.',
    'On a {weekday} one does not hear “{keyword}” often.',
  ],
};

/** Said first where more than text was sent. */
export const receipts: Phrases = [
  'I have received {media}.',
  'Thank you for {media}.',
  'You have sent me {media}.',
  'This has reached me: {media}.',
  'I have here {media}.',
];

/** For media without text, by the kind of the reply. */
export const remarks: Readonly<Record<ReplyKind, Phrases>> = {
  text: [
    'A picture says more than a few dozen sentences of mine.',
    'I cannot see it, but I am sure that the light was good.',
    'What would you like to know about it?',
    'At {time} the light in {zone} must be of its own kind.',
  ],
  voice: [
    'I cannot make out the words, but I like to be spoken to at {time}.',
    'My answer comes with a sound of its own.',
    'It is good to hear from you on a {weekday}.',
    'A simulated ear hears little more than that it is {partOfDay} with you.',
  ],
  video: [
    'My answer comes with a sound and a picture of its own.',
    'Moving pictures, and at {time}: I have watched every byte of them.',
    'I would have to be a real model to say what happens in it.',
    'On a {weekday} one sees things with other eyes.',
  ],
};

/** Said after an answer, now and then. */
export const followUps: Phrases = [
  'What do you think?',
  'Would you like to go on?',
  'I am curious what comes next.',
  'Please correct me if I am wrong.',
  'There is time: it is only {time}.',
  'That is as much as I can say this {partOfDay}.',
  'A better model would have more to say, I am sure.',
  'I have noted that you said it in {count}.',
];

/** Filler for a reply that must have more pieces than it has characters. */
export const elaborations: Phrases = [
  'Let me put it in another way.',
  'There is more to be said about it.',
  'One might also begin with “{keyword}”.',
  'It was {time} when you asked, and that may have a part in it.',
  'I say so with all the caution of a simulated model.',
  'Others would see “{other}” differently.',
];
