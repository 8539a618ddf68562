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

/** A comment stands above the others, in place of any before it. */
export interface CommentPinned {
  event: "comment.pinned";
  id: string;
  author: Author;
  text: string;
}

/** The comment stands above the others no longer. */
export interface CommentUnpinned {
  event: "comment.unpinned";
  id: string;
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

/** How much is left out for everybody at the moment; `level` 0 is nothing. */
export interface LoadChanged {
  event: "load.changed";
  level: number;
  cooldown_ms: number;
}

/** An answer as clients see it; `second` when it was given live. */
export interface AnswerInfo {
  author: Author;
  at: number;
  text?: string;
  second?: number;
}

/** A question was asked, or a message became one, or one was taken up again. */
export interface QuestionAsked {
  id: string;
  room: string;
  author: Author;
  text: string;
  votes: number;
  state: string;
  asked_at: number;
  shown: boolean;
  broadcast: string | null;
  answer: AnswerInfo | null;
  event: "question.asked";
}

/** A question has an answer, or a better one. */
export interface QuestionAnswered {
  id: string;
  room: string;
  author: Author;
  text: string;
  votes: number;
  state: string;
  asked_at: number;
  shown: boolean;
  broadcast: string | null;
  answer: AnswerInfo | null;
  event: "question.answered";
}

/** A question is no longer among those to answer; its message stays. */
export interface QuestionWithdrawn {
  event: "question.withdrawn";
  id: string;
}

/** The question on the stage now; null takes it off. */
export interface QuestionShown {
  event: "question.shown";
  id: string | null;
}

/** How many votes a question has; passing, at most once a second. */
export interface QuestionVoted {
  event: "question.voted";
  id: string;
  votes: number;
}

/** What is left of one variant. */
export interface StockLeft {
  id: string;
  left: number;
  in_carts: number;
}

/** Passing: what is left of a product, never recovered. */
export interface StockChanged {
  event: "stock.changed";
  product: string;
  variants: StockLeft[];
  sale_left: number | null;
}

/** A variant as clients see it; `left` can be had now, `in_carts` is held by others. */
export interface VariantInfo {
  id: string;
  title: string;
  code: string;
  price: number;
  was_price: number | null;
  left: number;
  in_carts: number;
}

/** A flash sale that is on or comes next. `on` says whether its price holds; clients wait to be told and never judge by their clock. */
export interface SaleInfo {
  id: string;
  on: boolean;
  price: number;
  total: number;
  left: number;
  per_person: number | null;
  starts_at: number;
  ends_at: number;
}

/** A product as clients see it. */
export interface ProductInfo {
  id: string;
  title: string;
  about: string;
  code: string | null;
  currency: string;
  pictures: string[];
  per_person: number | null;
  variants: VariantInfo[];
  sale: SaleInfo | null;
  stopped: boolean;
  offline: boolean;
}

/** A product is shown above the comments, in place of any before it. */
export interface ProductPinned {
  event: "product.pinned";
  product: ProductInfo;
  second: number | null;
}

/** No product is shown above the comments any more. */
export interface ProductUnpinned {
  event: "product.unpinned";
  id: string;
}

/** A product of this room's shelf is new or changed: price, sale, stop. */
export interface ProductChanged {
  event: "product.changed";
  product: ProductInfo;
}

/** A product is no longer on this room's shelf. */
export interface ProductRemoved {
  event: "product.removed";
  id: string;
}

/** Some people bought; `name` only of one who wants to be named. */
export interface PurchaseMade {
  event: "purchase.made";
  product: string;
  title: string;
  name: string | null;
  others: number;
}

/** A reservation as its person sees it. */
export interface ReservationInfo {
  id: string;
  product: string;
  variant: string;
  title: string;
  quantity: number;
  price: number;
  discount: number;
  amount: number;
  currency: string;
  state: string;
  until: number;
}

/** A notice: a reservation of its addressee came to be or ended; `why` says more. */
export interface ReservationChanged {
  event: "reservation.changed";
  reservation: ReservationInfo;
  why: string;
}

/** An order as its person sees it. */
export interface OrderInfo {
  id: string;
  reservation: string;
  product: string;
  variant: string;
  title: string;
  quantity: number;
  amount: number;
  currency: string;
  state: string;
  at: number;
}

/** A notice: an order of its addressee. */
export interface OrderChanged {
  event: "order.changed";
  order: OrderInfo;
}

/** A notice: what became of a comment that meant to buy. `outcome` is ok, an error word, or `ask.` and what is asked back; `text` is the comment. */
export interface OrderSpoken {
  event: "order.spoken";
  message: string;
  outcome: string;
  text: string;
  product?: string;
  reservation?: ReservationInfo;
}

/** A coupon can be claimed by as many as `cap`, until `ends_at`. */
export interface CouponDropped {
  event: "coupon.dropped";
  id: string;
  code: string;
  percent: number | null;
  amount: number | null;
  currency: string | null;
  product: string | null;
  cap: number;
  ends_at: number;
}

/** Passing: how many were claimed. */
export interface CouponCounted {
  event: "coupon.counted";
  id: string;
  claimed: number;
  cap: number;
}

/** A coupon can be claimed no more; who claimed it still has it. */
export interface CouponEnded {
  event: "coupon.ended";
  id: string;
}

/** Whoever enters before `closes_at` may win; the commitment is the SHA-256 of the seed. */
export interface GiveawayOpened {
  event: "giveaway.opened";
  id: string;
  title: string;
  winners: number;
  closes_at: number;
  commitment: string;
}

/** Who won; `person` is what the draw was computed over. */
export interface Winner {
  person: string;
  name: string;
  place: number;
}

/** Who won, with everything that it takes to compute it again; bytes are hexadecimal. */
export interface GiveawayDrawn {
  event: "giveaway.drawn";
  id: string;
  title: string;
  seed: string;
  entries: number;
  entries_digest: string;
  winners: Winner[];
}

/** Somebody may not write here until then (ms; null: for good). */
export interface PersonMuted {
  event: "person.muted";
  person: string;
  until: number | null;
}

/** Somebody may write again. */
export interface PersonUnmuted {
  event: "person.unmuted";
  person: string;
}

/** The moderator who did it. */
export interface By {
  id: string;
  name: string;
}

/** A moderator hid a message: a tombstone, without text. */
export interface CommentHidden {
  event: "comment.hidden";
  id: string;
  by: By;
}

/** Who posted a message, with the role at that time. */
export interface Poster {
  id: string;
  name: string;
  role: string;
}

/** The message that another one answers. */
export interface Answered {
  id: string;
  name: string;
}

/** A hidden message is back, as it was posted. */
export interface CommentRestored {
  event: "comment.restored";
  id: string;
  author: Poster;
  text: string;
  client_message_id: string;
  reply_to?: Answered;
  question?: boolean;
}

/** All that a person said here before is hidden. */
export interface CommentsPurged {
  event: "comments.purged";
  person: string;
}

/** What a purge hid is back. */
export interface CommentsUnpurged {
  event: "comments.unpurged";
  person: string;
}

/** A notice: you may not write in this room (null: in any) until then (null: for good). */
export interface YouMuted {
  event: "you.muted";
  room: string | null;
  until: number | null;
  reason: string;
}

/** A notice: you are shut out of the community until then (null: for good). */
export interface YouBanned {
  event: "you.banned";
  room: null;
  until: number | null;
  reason: string;
}

/** A notice: you may write again. */
export interface YouUnmuted {
  event: "you.unmuted";
  room: string | null;
}

/** A notice: the held message is published. */
export interface HeldApproved {
  event: "held.approved";
  id: string;
}

/** A notice: the held message will not be published. */
export interface HeldRejected {
  event: "held.rejected";
  id: string;
  reason: string;
}

/** Who wrote a message. */
export interface Writer {
  id: string;
  name: string;
}

/** To the staff of a room: a message waits; `spans` are the parts of the text that decided. */
export interface HeldItem {
  event: "held.added";
  id: string;
  kind: string;
  room: string;
  message: string;
  author: Writer;
  text: string;
  rule: string;
  word: string;
  spans: number[][];
  at: number;
  claimed: By | null;
  claimed_at: number | null;
}

/** To the staff of a room: somebody looks at a waiting message, or no longer does. */
export interface HeldClaimed {
  event: "held.claimed";
  id: string;
  by: By | null;
}

/** To the staff of a room: a message waits no longer. */
export interface HeldDecided {
  event: "held.decided";
  id: string;
  decision: string;
  by: By | null;
}

/** To the staff of a room: a message was reported, `count` times in all. */
export interface ReportAdded {
  event: "report.added";
  id: string;
  room: string;
  author: Writer;
  text: string;
  reason: string;
  count: number;
  at: number;
}

/** To the staff of a room: the reports on a message are settled. */
export interface ReportResolved {
  event: "report.resolved";
  id: string;
  outcome: string;
  by: By;
}

/** To the staff of a room: somebody acted. */
export interface ActionLogged {
  event: "action.logged";
  id: string;
  action: string;
  at: number;
  by: By;
  person: string | null;
  person_name: string | null;
  message: string | null;
  text: string | null;
  reason: string;
  details: Record<string, unknown>;
  undoes: string | null;
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
  | ActionLogged
  | BroadcastCancelled
  | BroadcastChanged
  | BroadcastEnded
  | BroadcastStarted
  | CommentDeleted
  | CommentEdited
  | CommentHidden
  | CommentPinned
  | CommentPosted
  | CommentRestored
  | CommentUnpinned
  | CommentsPurged
  | CommentsUnpurged
  | CouponCounted
  | CouponDropped
  | CouponEnded
  | GiveawayDrawn
  | GiveawayOpened
  | HeldApproved
  | HeldClaimed
  | HeldDecided
  | HeldItem
  | HeldRejected
  | LoadChanged
  | Mentioned
  | OrderChanged
  | OrderSpoken
  | PersonMuted
  | PersonUnmuted
  | ProductChanged
  | ProductPinned
  | ProductRemoved
  | ProductUnpinned
  | PurchaseMade
  | QuestionAnswered
  | QuestionAsked
  | QuestionShown
  | QuestionVoted
  | QuestionWithdrawn
  | ReactionAdded
  | ReactionRemoved
  | ReactionsCounted
  | ReportAdded
  | ReportResolved
  | ReservationChanged
  | RoomChanged
  | StockChanged
  | TypingStarted
  | ViewersCounted
  | YouBanned
  | YouMuted
  | YouUnmuted;

/** The push of one event. */
export type PushOf<E extends Push["event"], P = Push> =
  P extends { event: infer N } ? (E extends N ? P : never) : never;
