"""Messages that we send unasked, to one or to many: `order` reads what is wanted, `forecast` tells what would come of
it, `runner` lets it out, `board` keeps it in the store's notes."""
