/** What can be said of an accusation: by whom it was told to, or by an admin who decides what they and the grid disagree about. */
export type Answer = OwnersAnswer | { readonly kind: 'theirs'; readonly why: string };

/** What somebody can say to being told that their change broke something. */
export type OwnersAnswer =
  /** It is not this change: the accusation is withdrawn, and the change tried again. */
  | { readonly kind: 'not_mine'; readonly why: string }
  /** It is mended in this version: until that comes nothing of the component is tried. */
  | { readonly kind: 'fixed_in'; readonly version: string }
  /** Not now: no letter before this moment. */
  | { readonly kind: 'snoozed'; readonly until: Date };
