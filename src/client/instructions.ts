/** Of a person's own instructions to the model, in UTF-8: the server refuses messages with longer ones. */
export const maxInstructionsBytes = 4_096;

/** Of instructions as they are sent, in UTF-8. */
export function instructionsBytes(text: string): number {
  return new TextEncoder().encode(text.trim()).length;
}

/** Instructions as they are kept and sent, without white space around them; undefined: the server would refuse them as too long. */
export function instructionsToSend(text: string): string | undefined {
  return instructionsBytes(text) > maxInstructionsBytes ? undefined : text.trim();
}
