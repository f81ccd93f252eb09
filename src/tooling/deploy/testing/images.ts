/** A name with a tag of three numbers, so that what is started today is what was looked at; its digest may follow. */
export const exactRelease = /^[\w./-]+:v?\d+\.\d+\.\d+(-[a-z-]+)?(@sha256:[0-9a-f]{64})?$/;
