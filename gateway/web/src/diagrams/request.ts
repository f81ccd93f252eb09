/** What the frame is asked. */
export interface DiagramRequest {
  readonly code: string;
  readonly isDark: boolean;
}

/** What the frame answers while it has no library, and what counts as the answer of one that gives none. */
export const unavailable = 'unavailable';

/** A picture, and its size in CSS pixels. The frame answers undefined to what is no diagram. */
export interface DiagramAnswer {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}
