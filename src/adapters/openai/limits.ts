const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

/** A refusal's body is read this far, for its kind. */
export const maxErrorBodyBytes = 16 * kibibyte;

/** A refusal whose body does not come is reported without it. */
export const errorBodyMs = 1_000;

/** A connection whose response ends this soon after the reply is used again; waiting longer would hold up the reply. */
export const drainMs = 50;

/** Larger sounds are not sent to be transcribed: OpenAI takes 25 MB, and most others are a copy of it. */
export const maxTranscribedBytes = 25_000_000;

/** An hour of speech is some 60 kB of text. */
export const maxTranscriptBodyBytes = 1 * mebibyte;

/** Pictures of one message shown to the model, together; in base64 they are a third longer, and OpenAI takes 50 MB in a request. */
export const maxShownBytes = 20 * mebibyte;

/** Counted for a picture by the estimate, whatever its size: OpenAI's models count 85 to 1 600, Anthropic's and Google's fewer than the latter. */
export const tokensPerPicture = 1_600;

/** Counted by bounds for what is said in a second: fast speech has some 20 characters, of which most scripts have up to three bytes. */
export const mostSpeechTokensPerSecond = 60;

/** Counted by bounds for what the model is told of a sound, a video or a picture. */
export const noteBytes = 100;

/** Without so many no reply is begun, where a budget limits it. */
export const leastOutputTokens = 64;

/** Spoken part of a reply, in UTF-16 units: OpenAI's maximum, and four minutes. */
export const maxSpokenChars = 4_096;

/** Five minutes at 128 kbit/s. */
export const maxSpeechBytes = 5 * mebibyte;

/** Part of a reply in an image prompt, in UTF-16 units: DALL·E 2 accepts 1 000, instruction included. */
export const maxDepictedChars = 900;

/** A PNG of 1024 × 1024 pixels seldom has 4 MB. */
export const maxImageBytes = 10 * mebibyte;

/** Base64 makes four characters of three bytes; the rest is for what else the answer says, such as the prompt as it was revised. */
export const maxImageBodyBytes = Math.ceil(maxImageBytes / 3) * 4 + 64 * kibibyte;
