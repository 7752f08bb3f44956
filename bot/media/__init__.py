"""Media: what customers send is fetched once and kept, what the bot sends is uploaded once and shared."""
