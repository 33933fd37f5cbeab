/**
 * What the processes on one store share of the tickets for streams. Times are in milliseconds since the Unix epoch. Rejects
 * with `StorageFault`.
 */
export interface TicketStore {
  /** 32 random bytes that sign tickets, the same for every process on the store. The first that asks makes them. */
  secret(): Promise<Buffer>;
  /** Records that a ticket was opened, and until when it may be opened again. Forgets tickets whose time is over. */
  keepOpen(id: string, untilMs: number, nowMs: number): Promise<void>;
  /** Until when a ticket may be opened again; null: it was not opened, or its time is over and it is forgotten. */
  openUntil(id: string): Promise<number | null>;
}
