/** The path of a DR link in a request (Voice Recording, /iprecord/{nodeId}/link/{registerId}). */
export interface LinkPath {
  readonly nodeId: string;
  readonly registerId: string;
}

export function linkPath(oxeNode: number, registerId: string): LinkPath {
  return { nodeId: String(oxeNode), registerId };
}
