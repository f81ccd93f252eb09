/** Of a person's own instructions to the model, in UTF-8: the server refuses messages with longer ones. */
export const maxInstructionsBytes = 4_096;

/** Instructions as they are kept and sent, without white space around them; undefined: the server would refuse them as too long. */
export function instructionsToSend(text: string): string | undefined {
  const trimmed = text.trim();
  return new TextEncoder().encode(trimmed).length > maxInstructionsBytes ? undefined : trimmed;
}
