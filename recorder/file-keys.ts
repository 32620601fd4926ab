export interface FileKey {
  readonly id: string;
}
