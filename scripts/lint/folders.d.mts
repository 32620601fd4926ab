export const FOLDERS: Readonly<Record<string, readonly string[]>>;
