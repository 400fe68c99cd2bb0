# SPDX-License-Identifier: Apache-2.0
# A text file as C strings, one a line, for #include inside an array of char.
s/[\\"]/\\&/g
s/^/"/
s/$/\\n"/
