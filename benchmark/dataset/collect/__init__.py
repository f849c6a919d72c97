"""Make a data set of captions on images from one's own product pictures (paper, section 3 and appendices A.5, A.6).

One street of stages; each but the first is a pure function over records, and says of whatever it drops why:

    manifest -> read -> select -> redundant -> clean -> split -> write

Reading (text recognition) is what takes hours. Its result is kept whole, by the content of each picture, so a changed
rule reads no picture again. Nothing in here is imported by scoring, and heavy libraries only where they are used.
"""
