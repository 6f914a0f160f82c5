"""Programs for people who work on refinery; none is part of the installed package."""
