// The residents of a memory tier in a round, and the hand that goes round looking for whom to send away (CLOCK).

export interface Resident {
  readonly key: number;
  readonly segment: number;
  readonly bytes: Buffer;
  readonly cost: number;
  /** Its place in the round. */
  slot: number;
  holds: number;
  dropped: boolean;
  /** Since the hand came by. */
  used: boolean;
  /** It is among the victims. */
  chosen: boolean;
}

export class ResidentRound {
  readonly #slots: (Resident | undefined)[] = [];
  readonly #free: number[] = [];
  #hand = 0;

  add(resident: Resident): void {
    resident.slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[resident.slot] = resident;
  }

  remove({ slot }: Resident): void {
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }

  /**
   * Those whom the hand meets first, that nobody holds and nobody used since it came by, until they cost as much; all of
   * them are to be removed or spared. Undefined when there are not so many. Those that were used are passed over once.
   */
  victims(cost: number): readonly Resident[] | undefined {
    const victims: Resident[] = [];
    let found = 0;
    for (let step = 2 * this.#slots.length; step > 0; step--) {
      const resident = this.#slots[this.#hand];
      this.#hand = this.#hand + 1 < this.#slots.length ? this.#hand + 1 : 0;
      if (resident === undefined || resident.holds > 0 || resident.chosen) continue;
      resident.chosen = !resident.used;
      resident.used = false;
      if (!resident.chosen) continue;
      victims.push(resident);
      found += resident.cost;
      if (found >= cost) return victims;
    }
    this.spare(victims);
    return undefined;
  }

  /** These stay after all, and are met first the next time. */
  spare(victims: readonly Resident[]): void {
    for (const victim of victims) victim.chosen = false;
    this.#hand = victims[0]?.slot ?? this.#hand;
  }
}
