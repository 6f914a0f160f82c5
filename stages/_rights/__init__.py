"""The parts of the stage ``rights``: statements in HTTP headers, in tags, in licences and in robots.txt files."""
