/** Seeded randomness for the mock: the same page every time, so that a screenshot can be compared. */
export class Dice {
  private state: number;
  constructor(seed: string) {
    this.state = 2166136261;
    for (const letter of seed) this.state = Math.imul(this.state ^ letter.charCodeAt(0), 16777619) >>> 0;
  }
  /** Mulberry32, 0..1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }
}
