"""What every list of the pages has: filters in the address, pages by key, and the sentence for what was ignored."""
