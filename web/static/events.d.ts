// Written by `python -m web.events` from the Python definitions; do not edit.

/** Who wrote something, with the role at that time. */
export interface Author {
  id: string;
  name: string;
  role: string;
}

/** The message that this one answers. Its text is left out: it would outlive its hiding. */
export interface ReplyTo {
  id: string;
  name: string;
}

/** A comment under a broadcast, or a message in a topic room. */
export interface CommentPosted {
  event: "comment.posted";
  id: string;
  author: Author;
  text: string;
  client_message_id: string;
  reply_to?: ReplyTo;
  question?: boolean;
}

/** The author changed the text. */
export interface CommentEdited {
  event: "comment.edited";
  id: string;
  text: string;
  by: string;
}

/** The author took it back. */
export interface CommentDeleted {
  event: "comment.deleted";
  id: string;
}

/** A notice: a message answers or names its addressee. */
export interface Mentioned {
  event: "mentioned";
  id: string;
  author: Author;
  text: string;
}

/** Somebody reacted to a message of a topic room. */
export interface ReactionAdded {
  event: "reaction.added";
  id: string;
  kind: string;
  person: string;
}

/** Somebody took a reaction back. */
export interface ReactionRemoved {
  event: "reaction.removed";
  id: string;
  kind: string;
  person: string;
}

/** Hearts of the last second in a live room, all gateways together. */
export interface ReactionsCounted {
  event: "reactions.counted";
  counts: Record<string, number>;
  total: number;
}

/** How many watch. */
export interface ViewersCounted {
  event: "viewers.counted";
  count: number;
}

/** Somebody, as others see them. */
export interface Person {
  id: string;
  name: string;
}

/** Somebody is writing in a topic room. */
export interface TypingStarted {
  event: "typing.started";
  person: Person;
}

/** The room mode, slow mode, or whether the room is closed. */
export interface RoomChanged {
  event: "room.changed";
  mode: string;
  min_rank: number;
  cooldown_ms: number;
  closed: boolean;
}

/** Where the picture comes from: an HLS address, an embed, or a file. */
export interface Video {
  kind: string;
  url: string;
  upright: boolean;
}

/** A broadcast as clients see it; times are ms since 1970. */
export interface BroadcastInfo {
  id: string;
  room: string;
  title: string;
  about: string;
  host: Person;
  state: string;
  video: Video;
  poster: string;
  starts_at: number;
  started_at: number | null;
  ended_at: number | null;
}

/** A broadcast began. */
export interface BroadcastStarted {
  event: "broadcast.started";
  broadcast: BroadcastInfo;
}

/** A broadcast is over. */
export interface BroadcastEnded {
  event: "broadcast.ended";
  id: string;
}

/** A broadcast was scheduled or edited. */
export interface BroadcastChanged {
  event: "broadcast.changed";
  broadcast: BroadcastInfo;
}

/** A scheduled broadcast will not take place. */
export interface BroadcastCancelled {
  event: "broadcast.cancelled";
  id: string;
}

/** The comment that stands above the others. */
export interface Pinned {
  id: string;
  author: Author;
  text: string;
}

/** A room as clients see it, with the broadcast that is on or comes next. */
export interface RoomInfo {
  id: string;
  kind: string;
  slug: string;
  title: string;
  about: string;
  visibility: string;
  mode: string;
  min_rank: number;
  cooldown_ms: number;
  closed: boolean;
  pinned: Pinned | null;
  broadcast: BroadcastInfo | null;
}

/** Everything that a channel may carry. */
export type Push =
  | BroadcastCancelled
  | BroadcastChanged
  | BroadcastEnded
  | BroadcastStarted
  | CommentDeleted
  | CommentEdited
  | CommentPosted
  | Mentioned
  | ReactionAdded
  | ReactionRemoved
  | ReactionsCounted
  | RoomChanged
  | TypingStarted
  | ViewersCounted;

/** The push of one event. */
export type PushOf<E extends Push["event"]> = Extract<Push, { event: E }>;
