/** The command that starts this very program again: the executable itself, or Bun with the source entry. */
export function selfCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}
