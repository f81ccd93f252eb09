const groupAndOthers = 0o077;

/**
 * Of what this process and its threads make from now on, only its user has permissions: a data folder holds conversations, password hashes and keys.
 * SQLite, which makes most of the files, knows no other way.
 */
export function setPrivateUmask(): void {
  process.umask(groupAndOthers);
}
