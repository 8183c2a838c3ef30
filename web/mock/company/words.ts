/** What people say, by theme. */
export const WORDS: Record<string, string[]> = {
  "t-late": [
    "Promised for Tuesday, came the following Monday. Nobody told me anything in between.",
    "Third time the date moved. I would rather have an honest date than a fast one.",
    "Two weeks late for a birthday present. The child was in tears and so was I.",
    "Good product, but ▇▇▇ days after the date on the confirmation.",
  ],
  "t-carrier": [
    "The tracking page said “no update” for six days since you changed the carrier.",
    "New courier left it with a neighbour I do not know, and the app still says on its way.",
    "Tracking stopped at the depot. I rang twice and got two different stories.",
  ],
  "t-helpful": [
    "▇▇▇ in the shop took the time to find the right size. That is why I come back.",
    "Lovely staff, sorted in two minutes at the counter.",
    "The woman on the phone knew my order before I said a word.",
  ],
  "t-packaging": [
    "So much plastic around one lamp, and the shade was still dented.",
    "Box was open when it arrived, one cup broken.",
  ],
  "t-app": [
    "App froze at payment since the update, had to order on the laptop.",
    "Pay button does nothing on my phone after version 4.2.",
  ],
  "t-refund": [
    "Refund took nineteen days. The parcel was back with you after three.",
    "Still waiting for ▇▇▇ back from March.",
  ],
  "t-quality": ["The linen is beautiful, heavier than I expected for the price.", "Colours exactly as in the picture."],
  "t-queue": [
    "Twenty minutes of music, then the line went dead.",
    "Kept asking the bot for a human. It kept offering me the opening hours.",
  ],
};
